"""Operating what runs: topics, dead letters, outbox, deliveries, subscriptions, keys, rules.

Each command takes its settings from the same environment as the service it works on, or from an
embedded stack (settings_from.py).
"""

import argparse
import asyncio
from pathlib import Path
from typing import Any
from uuid import UUID

from deploy.cli import audit
from deploy.cli.settings_from import add_stack, open_database, use_settings_of


def add_commands(commands: Any) -> None:
    """Register the operators' commands."""
    topics = commands.add_parser(
        "topics", help="list topics; replay one from an offset; allow a partner"
    )
    topics.add_argument("action", choices=("list", "replay", "allow"))
    topics.add_argument("topic", nargs="?")
    topics.add_argument("--user", help="the partner's Kafka user, partner-NAME (allow)")
    topics.add_argument("--group", help="the consumer group to set back (replay)")
    topics.add_argument("--offset", type=int, default=0, help="where to begin again (replay)")
    add_stack(topics)
    topics.set_defaults(run=lambda a: asyncio.run(_topics(a)))

    letters = commands.add_parser("dead-letters", help="list or put back what could not be applied")
    letters.add_argument("action", choices=("list", "requeue"))
    letters.add_argument("service", choices=("identity", "billing", "delivery", "portal"))
    letters.add_argument("--at", metavar="PARTITION@OFFSET", help="one letter; else all")
    add_stack(letters)
    letters.set_defaults(run=lambda a: asyncio.run(_dead_letters(a)))

    outbox = commands.add_parser("outbox", help="send published events again (same ids)")
    outbox.add_argument("action", choices=("republish",))
    outbox.add_argument("service", choices=("identity", "billing", "delivery", "portal"))
    outbox.add_argument("--topic")
    add_stack(outbox)
    outbox.set_defaults(run=lambda a: asyncio.run(_republish(a)))

    deliveries = commands.add_parser("deliveries", help="list deliveries; resend one")
    deliveries.add_argument("action", choices=("list", "resend"))
    deliveries.add_argument("delivery", nargs="?", type=UUID)
    deliveries.add_argument("--state")
    deliveries.add_argument("--limit", type=int, default=50)
    add_stack(deliveries)
    deliveries.set_defaults(run=lambda a: asyncio.run(_deliveries(a)))

    subscription = commands.add_parser("subscription", help="what a company has bought")
    subscription.add_argument("company", type=UUID)
    subscription.add_argument("--plan", default="standard")
    subscription.add_argument("--option", action="append", default=[], help="such as invoicing")
    subscription.add_argument("--seats", type=int, default=5)
    add_stack(subscription)
    subscription.set_defaults(run=lambda a: asyncio.run(_subscription(a)))

    support = commands.add_parser("support", help="make an account one of support staff, or not")
    support.add_argument("email")
    support.add_argument("--off", action="store_true")
    add_stack(support)
    support.set_defaults(run=lambda a: asyncio.run(_support(a)))

    keys = commands.add_parser("keys", help="rotate the signing key; add a master key to a file")
    keys.add_argument("action", choices=("rotate-signing", "new-master"))
    keys.add_argument("--file", help="the master key file (new-master)")
    add_stack(keys)
    keys.set_defaults(run=_keys)

    audit.add_command(commands)

    rules = commands.add_parser("rules", help="the official rule sets in force")
    rules.set_defaults(run=_rules)


async def _topics(arguments: argparse.Namespace) -> int:
    from deploy.cli import kafka

    use_settings_of("delivery", arguments.stack)
    if arguments.action == "list":
        await kafka.list_topics()
        return 0
    if arguments.action == "allow":
        from deploy.cli import partners

        if not arguments.user:
            raise LookupError("say which Kafka --user is to be let in: partner-NAME")
        await partners.allow(arguments.user)
        return 0
    if not arguments.topic or not arguments.group:
        raise LookupError("say which TOPIC, and whose --group is to be set back")
    await kafka.replay(arguments.topic, arguments.group, arguments.offset)
    return 0


async def _dead_letters(arguments: argparse.Namespace) -> int:
    from deploy.cli import kafka

    use_settings_of(arguments.service, arguments.stack)
    if arguments.action == "list":
        await kafka.list_dead_letters(arguments.service)
    else:
        await kafka.requeue_dead_letters(arguments.service, arguments.at)
    return 0


async def _republish(arguments: argparse.Namespace) -> int:
    from shared import outbox

    async with (
        open_database(arguments.service, arguments.stack) as db,
        db.system_transaction() as conn,
    ):
        count = await outbox.republish(conn, arguments.topic)
    print(f"{count} events will be published again")
    return 0


async def _deliveries(arguments: argparse.Namespace) -> int:
    from services.delivery.commands.resend import resend
    from services.delivery.store import deliveries
    from shared.clock import system_clock
    from shared.events import Actor

    async with open_database("delivery", arguments.stack) as db:
        if arguments.action == "list":
            async with db.system_transaction() as conn:
                rows = await deliveries.listed_everywhere(conn, arguments.state, arguments.limit)
            for row in rows:
                print(
                    row.delivery_id,
                    row.channel,
                    row.state,
                    row.attempt,
                    row.target,
                    row.created_at.isoformat(),
                )
            return 0
        if arguments.delivery is None:
            raise LookupError("say which delivery to resend (see `facteur deliveries list`)")
        async with db.system_transaction() as conn:
            company = await conn.fetchval(
                "SELECT company_id FROM delivery WHERE delivery_id = $1", arguments.delivery
            )
        if company is None:
            raise LookupError(f"there is no delivery {arguments.delivery}")
        actor = Actor(kind="system", id="operator")
        row = await resend(db, company, arguments.delivery, actor, system_clock)
        print(f"resent as {row.delivery_id}")
    return 0


async def _subscription(arguments: argparse.Namespace) -> int:
    from services.portal.commands.activation import set_subscription
    from shared.events import Actor

    async with open_database("portal", arguments.stack) as db:
        actor = Actor(kind="system", id="operator")
        await set_subscription(
            db, arguments.company, arguments.plan, arguments.option, arguments.seats, actor
        )
    print(f"{arguments.company}: {arguments.plan}, {', '.join(arguments.option) or 'no option'}")
    return 0


async def _support(arguments: argparse.Namespace) -> int:
    from services.identity.commands.standing import set_support
    from shared.clock import system_clock
    from shared.events import Actor

    actor, on = Actor(kind="system", id="operator"), not arguments.off
    async with open_database("identity", arguments.stack) as db, db.system_transaction() as conn:
        known = await set_support(conn, arguments.email, actor, system_clock, on=on)
    if not known:
        raise LookupError(f"no account has the e-mail {arguments.email}")
    print(f"{arguments.email} {'is no longer' if arguments.off else 'is'} one of support staff")
    return 0


def _keys(arguments: argparse.Namespace) -> int:
    from shared.secretbox import add_key

    if arguments.action == "new-master":
        if not arguments.file:
            raise LookupError("say which --file gets the new master key")
        add_key(Path(arguments.file))
        print(
            "a new master key was added; it seals from the next start on, the older ones still open"
        )
        return 0
    print(
        f"signs with {asyncio.run(_rotate(arguments.stack))} in ten seconds, once it is known everywhere"
    )
    return 0


async def _rotate(stack: Path | None) -> UUID:
    from deploy.cli.run import load_settings
    from services.identity.commands.keys import rotate_signing_key
    from shared.clock import system_clock
    from shared.secretbox import load_box

    use_settings_of("identity", stack)
    box = load_box(load_settings("identity").master_key_file)
    async with open_database("identity", stack) as db, db.system_transaction() as conn:
        return await rotate_signing_key(conn, box, system_clock)


def _rules(_: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from shared.einvoice.rules.catalogue import describe

    print(describe(datetime.now(UTC).date()))
    return 0
