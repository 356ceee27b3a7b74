"""`facteur demo`: start everything, play the main job, stay up to be browsed."""

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

CHANNELS = ("email", "sftp", "ftps", "peppol")


def add_commands(commands: Any) -> None:
    """`demo` and `up`."""
    demo = commands.add_parser("demo", help="start everything, play the main job, stay up")
    demo.add_argument(
        "--once",
        action="store_true",
        help="play in a fresh place, stop everything, exit 0 if proved",
    )
    demo.add_argument("--json", action="store_true", help="the closing table as JSON on stdout")
    demo.add_argument(
        "--channels", default=",".join(CHANNELS), help="a part of email,sftp,ftps,peppol"
    )
    demo.set_defaults(run=run_demo)
    up = commands.add_parser("up", help="start the embedded stack without playing anything")
    up.set_defaults(run=run_up)


def run_demo(arguments: argparse.Namespace) -> int:
    """Play; with --once in a temporary folder that is removed afterwards."""
    from deploy.demo.people import Refused
    from deploy.demo.waiting import NeverCame
    from deploy.local.process import StartError

    channels = tuple(c for c in CHANNELS if c in arguments.channels.split(","))
    if not channels:
        raise LookupError(f"--channels: choose from {', '.join(CHANNELS)}")
    try:
        if not arguments.once:
            from deploy.local.paths import state_dir

            return asyncio.run(_demo(state_dir(), channels, arguments))
        with tempfile.TemporaryDirectory(prefix="facteur-demo-") as folder:
            Path(folder).chmod(0o755)
            return asyncio.run(_demo(Path(folder), channels, arguments))
    except (StartError, Refused, NeverCame) as error:
        _say(f"facteur demo: {error}")
        return 1
    except asyncio.CancelledError:
        _say("facteur demo: stopped before its end, as asked")
        return 130


def run_up(_: argparse.Namespace) -> int:
    """The stack alone, until Ctrl-C."""
    from deploy.local.paths import state_dir
    from deploy.local.process import StartError

    try:
        return asyncio.run(_up(state_dir()))
    except StartError as error:
        _say(f"facteur up: {error}")
        return 1
    except asyncio.CancelledError:
        return 130


async def _demo(root: Path, channels: tuple[str, ...], arguments: argparse.Namespace) -> int:
    from deploy.demo.story import Story
    from deploy.local.stack import Stack

    began = time.monotonic()
    _heed_signals()
    workers = dict.fromkeys(channels, 1)
    async with Stack(root, ephemeral_ports=arguments.once, workers=workers, say=_say) as stack:
        story = Story(stack, _say, corpus(), channels)
        rows = await story.play()
        _table(rows, stack.broker_kind)
        if arguments.json:
            print(
                json.dumps(
                    {"broker": stack.broker_kind, "rows": [asdict(r) for r in rows]}, indent=1
                )
            )
        proved = bool(rows) and all(row.at_peer for row in rows)
        _say(f"{len(rows)} proofs in {time.monotonic() - began:.1f} s from the start of everything")
        if not proved:
            _say("a proof is missing: see the table")
        if not arguments.once:
            _addresses(stack)
            await _until_told()
    return 0 if proved else 1


async def _up(root: Path) -> int:
    from deploy.local.stack import Stack

    _heed_signals()
    async with Stack(root, say=_say) as stack:
        _addresses(stack)
        await _until_told()
    return 0


def _heed_signals() -> None:
    """Ctrl-C and SIGTERM cancel what is under way; the stack ends what it started."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 — called from a coroutine
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)


async def _until_told() -> None:
    """Stay up; being told to stop is the good end."""
    with suppress(asyncio.CancelledError):
        await asyncio.Event().wait()


def corpus() -> Path:
    """Where official examples lie, if they do (FACTEUR_CORPUS)."""
    from deploy.local.paths import CHECKOUT

    return Path(os.environ.get("FACTEUR_CORPUS") or CHECKOUT.parent / "shared" / "corpus")


def _table(rows: list[Any], broker: str) -> None:
    _say("")
    _say(f"{'invoice':14} {'channel':8} {'issue → proof':>14}  proof (broker: {broker})")
    for row in rows:
        mark = "" if row.at_peer else "  NOT AT THE PEER"
        _say(
            f"{row.invoice:14} {row.channel:8} {row.seconds * 1000:11.0f} ms  {row.proof[:90]}{mark}"
        )
    _say("")


def _addresses(stack: Any) -> None:
    from deploy.demo.people import PASSWORD

    _say(f"portal        {stack.url('portal')}")
    _say(f"mailbox       {stack.url('mailbox')}")
    _say(f"file drop     {stack.url('filedrop')}")
    _say(f"access point  {stack.url('access-point')}")
    _say(
        "accounts      admin@cabinet.example (administers companies), marie@brasserie.example (invoices),"
    )
    _say(
        "              assistant@brasserie.example (no invoicing), luc@atelier.example, "
        "stagiaire@cabinet.example"
    )
    _say(f"password      {PASSWORD}")
    _say("Ctrl-C stops everything; the next start keeps the data")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
