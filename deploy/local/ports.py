"""The ports of the embedded stack: chosen at the first start, kept for all that follow."""

import json
import socket
from collections.abc import Sequence
from pathlib import Path

from deploy.local.process import StartError, free_port

WANTED = {
    "portal": 8000,
    "identity": 8001,
    "billing": 8002,
    "delivery": 8003,
    "ftps": 8021,
    "sftp": 8022,
    "smtp": 8025,
    "mailbox": 8026,
    "filedrop": 8027,
    "access-point": 8028,
    "smp": 8029,
    "sml": 8053,
    "postgres": 8432,
    "broker": 8092,
}
"""What each would like; whatever is taken gets another."""

FIRST_FIGURES = 8100
"""From here on, one port a program for its figures."""

_DATAGRAMS = {"sml"}


def figures_of(program: str) -> str:
    """The name of the port where a program's figures are."""
    return f"figures-{program}"


def keep_ports(
    root: Path, *, ephemeral: bool = False, programs: Sequence[str] = ()
) -> dict[str, int]:
    """The ports in `root/ports.json`, written when new; StartError names one that is taken.

    `ephemeral` takes any free ports at the first start (tests). `programs` get a port for their
    figures as well, also one that wasn't there at the first start.
    """
    path = root / "ports.json"
    wanted = WANTED | {figures_of(p): FIRST_FIGURES + i for i, p in enumerate(programs)}
    chosen: dict[str, int] = {}
    if path.exists():
        chosen = json.loads(path.read_text())
        for name, port in chosen.items():
            if not _free(name, port):
                raise StartError(
                    f"port {port} ({name}) is taken by another program: end that one, or remove "
                    f"{path} to have other ports chosen"
                )
    new = {name: port for name, port in wanted.items() if name not in chosen}
    for name, port in new.items():
        taken = ephemeral or port in chosen.values() or not _free(name, port)
        chosen[name] = _any_free(name, set(chosen.values())) if taken else port
    root.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(chosen, indent=2) + "\n")
    return chosen


def _free(name: str, port: int) -> bool:
    with _socket(name) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _any_free(name: str, taken: set[int]) -> int:
    while True:
        port = free_port()
        if port not in taken and _free(name, port):
            return port


def _socket(name: str) -> socket.socket:
    kind = socket.SOCK_DGRAM if name in _DATAGRAMS else socket.SOCK_STREAM
    probe = socket.socket(socket.AF_INET, kind)
    if kind == socket.SOCK_STREAM:
        # ports in TIME_WAIT are free enough
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return probe
