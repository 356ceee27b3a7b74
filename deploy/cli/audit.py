"""The audit chain, as operators look at it: verified, and a break that was seen acknowledged."""

import argparse
import asyncio
import getpass
import sys
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from deploy.cli.settings_from import add_stack, open_database

if TYPE_CHECKING:
    from services.portal.domain.audit import Break
    from services.portal.domain.checkpoints import Checkpoints


def add_command(commands: Any) -> None:
    """Register `audit`."""
    audit = commands.add_parser(
        "audit", help="check the audit chain; a break is located; acknowledge one that was seen"
    )
    audit.add_argument("action", choices=("verify", "acknowledge"))
    audit.add_argument("--reason", default="", help="why the chain is broken (acknowledge)")
    audit.add_argument("--by", default="", help="who says so; else the account on this machine")
    add_stack(audit)
    audit.set_defaults(run=lambda a: asyncio.run(_audit(a)))


async def _audit(arguments: argparse.Namespace) -> int:
    from deploy.cli.run import load_settings
    from services.portal.checkpoints import published, sealing_keys
    from shared.settings import KafkaSettings

    async with open_database("portal", arguments.stack) as db:
        keys = sealing_keys(load_settings("portal").master_key_file)
        known = await published(KafkaSettings(), keys)
        if arguments.action == "verify":
            return await _verify(db, known)
        return await _acknowledge(db, keys, known, arguments)


async def _verify(db: Any, known: "Checkpoints") -> int:
    """0: the chain holds and agrees with its checkpoints, or what is broken was acknowledged; 1: broken;
    2: nothing to compare it with."""
    from services.portal.audit import verify_chain
    from services.portal.store import audit

    broken = await verify_chain(db, known)
    async with db.system_transaction() as conn:
        entries, _ = await audit.head(conn)
    _tell(broken)
    print("the audit chain is broken" if broken else "the audit chain holds")
    for said in known.acknowledged:
        places = ", ".join(f"entry {each.position} ({each.problem})" for each in said.breaks)
        print(f"acknowledged break at {places}: {said.at:%Y-%m-%d %H:%M} UTC, "
              f"by {said.operator}: {said.reason}")  # fmt: skip
    _compared(known, entries)
    return 1 if broken else 2 if known.trouble else 0


def _tell(broken: "list[Break]") -> None:
    for found in broken:
        print(f"entry {found.position}: {found.problem}")


def _compared(known: "Checkpoints", entries: int) -> None:
    """With what, and how old the newest of it is."""
    from services.portal.domain.checkpoints import OLD, TROUBLES, old
    from shared.clock import system_clock

    if known.strange:
        print(f"{known.strange} records on their topic are under no seal of ours", file=sys.stderr)
    if known.trouble or known.newest_at is None:
        print(f"compared with no checkpoint ({TROUBLES[known.trouble]}): a chain cut short or computed "
              "anew together with its head would not be seen", file=sys.stderr)  # fmt: skip
        return
    now = system_clock()
    print(f"{len(known.found)} checkpoints compared, the newest at entry {known.newest}, "
          f"made {_ago(now, known.newest_at)} ago")  # fmt: skip
    if old(now, entries, known.newest, known.newest_at):
        print(f"{entries - known.newest} entries are newer than that, and no checkpoint was made for more "
              f"than {_minutes(OLD)}: is a portal running, with its key, and does its relay reach the "
              "broker? What happened since is not protected", file=sys.stderr)  # fmt: skip


def _ago(now: datetime, then: datetime) -> str:
    return _minutes(max(now - then, timedelta()))


def _minutes(span: timedelta) -> str:
    minutes = int(span.total_seconds()) // 60
    if minutes >= 2880:
        return f"{minutes // 1440} days"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"


async def _acknowledge(
    db: Any, keys: Any, known: "Checkpoints", arguments: argparse.Namespace
) -> int:
    from services.portal.acknowledging import acknowledge
    from shared.clock import system_clock

    who = arguments.by or getpass.getuser()
    _tell(await acknowledge(db, keys, known, who, arguments.reason, system_clock))
    print("acknowledged; in force as soon as a running portal has published it")
    return 0
