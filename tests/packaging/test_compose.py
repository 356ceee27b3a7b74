"""docker-compose.yml, judged by the real compose binary (FACTEUR_COMPOSE, or docker-compose on the path)."""

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import yaml

from deploy.local import postgres
from deploy.local.paths import CHECKOUT
from tests.need import need

SERVICES = ("identity", "portal", "billing", "delivery")
STORES, MONITORING = ("postgres", "kafka"), ("prometheus", "grafana")
WORKERS = ("delivery-email", "delivery-sftp", "delivery-ftps", "delivery-peppol")


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("secrets") / "made"
    script = CHECKOUT / "deploy" / "docker" / "make-secrets.sh"
    first = subprocess.run([script, folder], capture_output=True, text=True, check=True)
    assert "made billing_master_key" in first.stdout
    return folder


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    binary = os.environ.get("FACTEUR_COMPOSE") or shutil.which("docker-compose")
    need(binary, "the compose binary: docs/operations.md doesn't need it, this test does")
    file = str(CHECKOUT / "docker-compose.yml")
    argv = [str(binary), "-f", file, "--profile", "*", "config", "--format", "json"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr.lower(), done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_secrets_are_made_once_and_closed_to_others(secrets: Path) -> None:
    before = {path.name: path.read_bytes() for path in secrets.iterdir() if path.is_file()}
    script = CHECKOUT / "deploy" / "docker" / "make-secrets.sh"
    again = subprocess.run([script, secrets], capture_output=True, text=True, check=True)
    assert again.stdout == ""
    assert before == {path.name: path.read_bytes() for path in secrets.iterdir() if path.is_file()}
    assert secrets.stat().st_mode & 0o777 == 0o700


def test_every_process_has_its_service_and_a_worker_a_channel(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {*SERVICES, *WORKERS, *STORES, *MONITORING}
    for worker in WORKERS:
        service = compose["services"][worker]
        assert service["command"] == ["delivery", "--channels", worker.removeprefix("delivery-")]
        # neither a fixed name nor a port of the host: it can be scaled
        assert "container_name" not in service
        assert "ports" not in service
        assert service["depends_on"]["delivery"]["condition"] == "service_healthy"


def test_no_secret_stands_in_it_and_each_service_sees_its_own_alone(
    compose: dict[str, Any], secrets: Path
) -> None:
    for name in (*SERVICES, *WORKERS):
        service = compose["services"][name]
        owner = name.split("-")[0]
        assert all(s["source"].startswith(owner) for s in service["secrets"])
        assert not any("PASSWORD" in variable for variable in service["environment"])
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
    for secret in compose["secrets"]:
        assert (secrets / secret).exists(), f"make-secrets.sh doesn't make {secret}"


def test_the_portal_alone_is_believed_about_clients_and_the_portal_believes_the_host(
    compose: dict[str, Any],
) -> None:
    """Else everybody who signs in through pages would have one address, and be locked out together."""
    services = compose["services"]
    address = services["portal"]["networks"]["default"]["ipv4_address"]
    for name in ("identity", "billing", "delivery"):
        believed = services[name]["environment"][f"{name.upper()}_TRUSTED_PROXIES"]
        assert json.loads(believed) == [f"{address}/32"]
    gateway = compose["networks"]["default"]["ipam"]["config"][0]["gateway"]
    believed = services["portal"]["environment"]["PORTAL_TRUSTED_PROXIES"]
    assert json.loads(believed) == [f"{gateway}/32"]


def test_prometheus_asks_every_process_on_a_port_that_is_never_published(
    compose: dict[str, Any],
) -> None:
    config = yaml.safe_load((CHECKOUT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    asked = {job["dns_sd_configs"][0]["names"][0] for job in config["scrape_configs"]}
    assert asked == {*SERVICES, *WORKERS}
    for name in asked:
        service = compose["services"][name]
        assert service["environment"]["FACTEUR_METRICS_PORT"] == "9464"
        assert "9464" not in json.dumps(service.get("ports", []))
    for name in MONITORING:
        assert all(p["host_ip"] == "127.0.0.1" for p in compose["services"][name]["ports"])


async def test_the_databases_are_made_as_the_init_script_says(
    secrets: Path, workplace: Path
) -> None:
    # a server of its own: the suite's has roles of these names
    server = postgres.start_server(workplace / "compose-postgres", durable=False)
    try:
        # psql lies beside the server
        binaries = Path(server.cluster.program.argv[0]).parent
        env = {
            "PATH": f"{binaries}:{os.environ['PATH']}",
            "SECRETS_DIR": str(secrets),
            "PGHOST": "127.0.0.1",
            "PGPORT": str(server.port),
            "PGPASSWORD": server.cluster.password,
        }
        script = str(CHECKOUT / "deploy" / "docker" / "init-databases.sh")
        process = await asyncio.create_subprocess_exec(
            script, env=env, stderr=asyncio.subprocess.PIPE
        )
        _, said = await process.communicate()
        assert process.returncode == 0, said.decode()
        for service in SERVICES:
            for role in (service, f"{service}_owner"):
                url = (secrets / f"{role}_database_url").read_text()
                here = url.replace("@postgres:5432/", f"@127.0.0.1:{server.port}/")
                conn = await asyncpg.connect(here)
                assert await conn.fetchval("SELECT current_user") == role
                await conn.close()
    finally:
        server.stop()
