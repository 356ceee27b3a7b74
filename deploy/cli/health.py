"""`facteur health`: what a container's health check asks of the entry point that runs beside it.

Each entry point leaves word of itself in a file, where FACTEUR_HEALTH_FILE names one: a service the address of its
readiness page, a worker a sign of life every few seconds.
"""

import argparse
import asyncio
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

SIGN_SECONDS = 5.0
SILENT_SECONDS = 30.0


def add_commands(commands: Any) -> None:
    """`health`."""
    health = commands.add_parser("health", help="exit 0 if what runs here is well (containers)")
    health.set_defaults(run=run_health)


def serves_at(host: str, port: int) -> None:
    """Leave word that a service answers there."""
    reachable = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104 - compared only
    _leave(f"http://{reachable}:{port}/health/ready")


async def keep_signing(problem: Callable[[], str]) -> None:
    """A worker's sign of life, for as long as its event loop turns, or what `problem` says is wrong."""
    while True:
        _leave(f"worker {problem()}".strip())
        await asyncio.sleep(SIGN_SECONDS)


def run_health(_: argparse.Namespace) -> int:
    """0 for a ready service or a live worker; else 1, with the reason."""
    file = _file()
    if file is None:
        raise LookupError("FACTEUR_HEALTH_FILE is not set: it names where entry points leave word")
    problem = _problem(file)
    if problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    return 0


def _problem(file: Path) -> str:
    try:
        word, age = file.read_text(), time.time() - file.stat().st_mtime
    except FileNotFoundError:
        return f"nothing runs here: there is no {file}"
    if word.startswith("worker"):
        silent = f"the worker is silent for {age:.0f} s" if age > SILENT_SECONDS else ""
        return silent or word.removeprefix("worker").strip()
    try:
        with urllib.request.urlopen(word, timeout=4):  # noqa: S310 - the address we wrote ourselves
            return ""
    except urllib.error.HTTPError as error:
        return error.read(2000).decode(errors="replace")
    except OSError as error:
        return f"{word}: {error}"


def _leave(word: str) -> None:
    file = _file()
    if file is not None:
        file.write_text(word)


def _file() -> Path | None:
    chosen = os.environ.get("FACTEUR_HEALTH_FILE")
    return Path(chosen) if chosen else None
