"""Programs of the embedded stack: how each is started, known to be ready, and ended by its pid."""

import ctypes
import os
import pwd
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_LOWEST_PORT = 20_000
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class StartError(RuntimeError):
    """A program of the embedded stack did not start: which, why, and where its log is."""


@dataclass(frozen=True)
class Program:
    """What to run, and the question that tells whether it is ready (cheap, never raises)."""

    name: str
    argv: Sequence[str]
    ready: Callable[[], bool]
    env: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    """Run as this user (only root can ask for it)."""
    cwd: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 15.0
    ready_seconds: float = 60.0


@dataclass
class Running:
    """A started program; `pid` is the only thing it is ever ended by."""

    program: Program
    popen: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def alive(self) -> bool:
        return self.popen.poll() is None

    def last_words(self, lines: int = 12) -> str:
        """The end of its log, for error messages."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def free_port() -> int:
    """A TCP port on loopback that nobody listens on right now.

    Below the range from which the system takes the ports of outgoing connections, where there is room:
    one of those would otherwise have it before the program that it is meant for listens.
    """
    room = range(_LOWEST_PORT, _outgoing_from())
    for _ in range(100 if len(room) >= 1000 else 0):
        port = secrets.choice(room)
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        given: int = listener.getsockname()[1]
        return given


def _outgoing_from() -> int:
    try:
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except OSError:
        return _LOWEST_PORT


def answers(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something accepts TCP connections there."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def _die_with_parent() -> None:
    """Linux ends the child when its supervisor is killed outright: nothing is ever left behind."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def spawn(program: Program, log: Path) -> Running:
    """Start the program in a session of its own, so that Ctrl-C reaches the supervisor alone."""
    log.parent.mkdir(parents=True, exist_ok=True)
    identity: dict[str, object] = {}
    if program.user is not None:
        entry = pwd.getpwnam(program.user)
        identity = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    with log.open("ab") as sink:
        popen = subprocess.Popen(  # type: ignore[call-overload]
            list(program.argv),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env={**os.environ, **program.env},
            cwd=program.cwd,
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - one call into libc, taking no lock
            **identity,
        )
    return Running(program, popen, log)


def wait_ready(running: Running) -> None:
    """Block until the program answers; StartError when it ends or stays silent instead."""
    program = running.program
    deadline = time.monotonic() + program.ready_seconds
    while not program.ready():
        if not running.alive:
            raise StartError(
                f"{program.name} ended with status {running.popen.returncode} while starting; "
                f"its log is {running.log}:\n{running.last_words()}"
            )
        if time.monotonic() > deadline:
            stop(running)
            raise StartError(
                f"{program.name} did not become ready within {program.ready_seconds:.0f} s; "
                f"its log is {running.log}:\n{running.last_words()}"
            )
        time.sleep(0.02)


def start(program: Program, log: Path) -> Running:
    """Spawn and wait until ready."""
    running = spawn(program, log)
    wait_ready(running)
    return running


def stop(running: Running) -> None:
    """Ask it to end; after its grace period, end it."""
    if running.alive:
        running.popen.send_signal(running.program.stop_signal)
        try:
            running.popen.wait(running.program.stop_seconds)
        except subprocess.TimeoutExpired:
            running.popen.kill()
    running.popen.wait()
