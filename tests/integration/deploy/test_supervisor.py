"""The supervisor: what dies is started again, what doesn't start is named, all ends in order."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.local.ports import WANTED, keep_ports
from deploy.local.process import Program, StartError, answers, free_port
from deploy.local.supervisor import Supervisor


def server(name: str, port: int) -> Program:
    """A small HTTP server."""
    return Program(
        name=name,
        argv=[sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)],
        ready=lambda: answers(port),
        ready_seconds=20,
    )


def exists(pid: int) -> bool:
    """Whether the process still runs (a zombie doesn't)."""
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


async def test_a_killed_program_is_started_again(tmp_path: Path) -> None:
    said: list[str] = []
    port = free_port()
    supervisor = Supervisor(tmp_path, said.append)
    try:
        await supervisor.start(server("web", port))
        former = supervisor.kill("web")
        await supervisor.back("web", former, 20)
        assert supervisor.pid("web") != former
        assert supervisor.restarts() == {"web": 1}
        assert said == ["web ended with status -9; starting it again"]
    finally:
        await supervisor.close()
    assert not answers(port)


async def test_a_program_that_cannot_start_is_named_with_its_last_words(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)
    broken = Program("broken", [sys.executable, "-c", "raise SystemExit('no such thing')"], bool)
    with pytest.raises(StartError, match=r"(?s)broken ended with status 1.*no such thing"):
        await supervisor.start(broken)
    await supervisor.close()


async def test_everything_ends_in_the_order_given(tmp_path: Path) -> None:
    ends = tmp_path / "ends"
    code = (
        "import signal, sys, time\n"
        "def end(*_):\n"
        "    open(sys.argv[1], 'a').write(sys.argv[2] + '\\n'); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "open(sys.argv[1] + sys.argv[2], 'w').close()\n"
        "time.sleep(60)\n"
    )
    supervisor = Supervisor(tmp_path / "logs")
    for name in ("database", "service", "broker"):
        mark = Path(f"{ends}{name}")
        argv = [sys.executable, "-c", code, str(ends), name]
        await supervisor.start(Program(name, argv, mark.exists))
    await supervisor.close([["service"], ["broker"]])
    assert ends.read_text().split() == ["service", "broker", "database"]


def test_programs_end_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    port = free_port()
    code = f"""
import asyncio, sys
from pathlib import Path
from tests.integration.deploy.test_supervisor import server
from deploy.local.supervisor import Supervisor

async def main():
    supervisor = Supervisor(Path({str(tmp_path)!r}))
    await supervisor.start(server("web", {port}))
    print(supervisor.pid("web"), flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""
    argv = [sys.executable, "-c", code]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=Path.cwd()) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert exists(child)
        os.kill(parent.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while exists(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not exists(child)


def test_ports_are_kept_and_a_taken_one_is_named(tmp_path: Path) -> None:
    first = keep_ports(tmp_path, ephemeral=True)
    assert set(first) == set(WANTED)
    assert len(set(first.values())) == len(first)
    assert keep_ports(tmp_path) == first
    with socket.socket() as other:
        other.bind(("127.0.0.1", first["portal"]))
        other.listen()
        with pytest.raises(StartError, match=rf"port {first['portal']} \(portal\) is taken"):
            keep_ports(tmp_path)
