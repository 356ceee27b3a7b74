"""The command `facteur` as a process of its own, and what it leaves behind."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from deploy.local.ports import keep_ports

MARK = "FACTEUR_TEST_MARK"


@dataclass
class Ended:
    """A command that has run."""

    status: int
    out: str
    err: str
    left: list[str]
    """Command lines of processes it started that still run."""


async def facteur(
    *arguments: str, env: Mapping[str, str] | None = None, seconds: float = 420
) -> Ended:
    """Run a command to its end."""
    mark = uuid4().hex
    process = await _start(arguments, {**(env or {}), MARK: mark})
    try:
        async with asyncio.timeout(seconds):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        raise
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode(), _marked(mark))


@asynccontextmanager
async def staying_up(
    *arguments: str, state: Path, env: Mapping[str, str] | None = None, seconds: float = 420
) -> AsyncIterator[list[str]]:
    """`facteur demo` or `facteur up` on ports of its own; yields what it said until it was up, and
    adds what it says until Ctrl-C ends it."""
    keep_ports(state, ephemeral=not (state / "ports.json").exists())
    mark = uuid4().hex
    process = await _start(arguments, {**(env or {}), "FACTEUR_STATE": str(state), MARK: mark})
    assert process.stderr is not None
    said: list[str] = []
    try:
        async with asyncio.timeout(seconds):
            while not (said and said[-1].startswith("Ctrl-C")):
                line = (await process.stderr.readline()).decode()
                assert line, "it ended before it was up:\n" + "".join(said)
                said.append(line)
        yield said
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        _, rest = await process.communicate()
        said += rest.decode().splitlines()
    assert process.returncode == 0, "".join(said)
    assert _marked(mark) == []


async def _start(arguments: tuple[str, ...], env: Mapping[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "deploy.cli.main",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **env},
    )


def _marked(mark: str, seconds: float = 5) -> list[str]:
    """Who still carries the mark, once those that are ending have had a moment."""
    deadline = time.monotonic() + seconds
    while found := [line for line in map(_command_of(mark), Path("/proc").glob("[0-9]*")) if line]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    return found


def _command_of(mark: str):  # type: ignore[no-untyped-def]
    wanted = f"{MARK}={mark}".encode()

    def command(folder: Path) -> str:
        try:
            if wanted not in (folder / "environ").read_bytes().split(b"\0"):
                return ""
            return (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            return ""

    return command
