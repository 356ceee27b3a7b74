"""The audit: a projection of every topic into one hash chain, in a lane of its own."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from services.portal.checkpoints import Keys, published
from services.portal.domain.audit import (
    OMITTED,
    Break,
    Entry,
    Verification,
    detail_of,
    link,
    membership_before,
    membership_changes,
    profile_changes,
)
from services.portal.domain.checkpoints import Checkpoints
from services.portal.store import audit
from services.portal.store.audit import ChainCheck
from shared.clock import Clock, system_clock
from shared.contracts.billing import ProductChanged
from shared.contracts.identity import ActionRecorded, MembershipChanged, ProfileChanged
from shared.contracts.portal import AuditSealed
from shared.contracts.registry import CONTRACTS
from shared.database import AWAY, Connection, Database
from shared.events import Envelope, Event
from shared.messaging import Consumers, Heard, gathering
from shared.service import Service
from shared.settings import KafkaSettings

log = logging.getLogger(__name__)

LANE = "audit"
CHECK_EVERY_SECONDS = 3600.0
MEMBERSHIPS, PROFILES = "membership.changed", "profile.changed"
UNRECORDED = frozenset({"signing_key.published", "audit.sealed"})


def listen_to_everything(consumers: Consumers) -> None:
    """Hear every topic, whoever else of the portal hears it too."""
    kinds = [kind for topic, kind in CONTRACTS.items() if topic not in UNRECORDED]
    consumers.on_batch(kinds, lane=LANE)(record_actions)
    consumers.on_batch([AuditSealed], lane=LANE)(mark_heard)
    consumers.pace(LANE, gathering(500))


async def record_actions(conn: Connection, heard: Sequence[Heard]) -> None:
    """Append what happened to the chain; an event that is in it already changes nothing."""
    position, before = await audit.lock_head(conn)
    known = await audit.known(conn, [envelope.event_id for _, envelope in heard])
    stateful = [e.key for _, e in heard if e.topic in (MEMBERSHIPS, PROFILES)]
    former = await audit.newest_states(conn, stateful)
    entries: list[Entry] = []
    for event, envelope in heard:
        if envelope.event_id in known:
            continue
        position += 1
        unsealed = _entry(event, envelope, position)
        unsealed = _with_changes(event, unsealed, former.get(unsealed.subject))
        former[unsealed.subject] = unsealed.detail
        before = link(before, unsealed)
        entries.append(replace(unsealed, hash=before))
    if entries:
        await audit.append(conn, entries)
        await audit.move_head(conn, position, before)


def _entry(event: Event, envelope: Envelope, position: int) -> Entry:
    fields = event.model_dump(mode="json", exclude=set(OMITTED))
    return Entry(
        position=position,
        event_id=envelope.event_id,
        happened_at=envelope.time,
        company_id=envelope.company_id or _uuid(fields.get("company_id")),
        actor=str(envelope.actor),
        action=_action(event, fields),
        subject=envelope.key,
        trace_id=envelope.trace_id,
        detail=detail_of(fields),
        hash=b"",
        origin=envelope.origin,
    )


def _with_changes(event: Event, entry: Entry, before: Mapping[str, Any] | None) -> Entry:
    """With what became of a user, a profile or a switch, and what was before; a product by its name."""
    detail = dict(entry.detail)
    match event:
        case MembershipChanged():
            changes, was = membership_changes(before, detail), membership_before(before, detail)
        case ProfileChanged():
            detail["profile_name"] = event.name
            changes, was = profile_changes(before, detail)
        case ActionRecorded() if event.switches:
            del detail["switches"], detail["switches_before"]
            detail |= event.switches
            changes, was = list(event.switches), dict[str, Any](event.switches_before)
        case ProductChanged():
            return replace(entry, detail={**detail, "product_name": event.name})
        case _:
            return entry
    return replace(entry, detail={**detail, "changes": changes, **({"was": was} if was else {})})


async def mark_heard(conn: Connection, heard: Sequence[Heard]) -> None:
    """How far the chain is sealed on the broker, for those who look at the audit; no proof of it."""
    for event, _ in heard:
        if isinstance(event, AuditSealed):
            await audit.mark_heard(conn, event.position, event.sealed_at)


async def walk_along(conn: Connection, known: Checkpoints) -> tuple[Verification, list[Break]]:
    """The whole chain, as it is in this transaction: each break that nobody has acknowledged, located."""
    position, digest = await audit.head(conn)
    verification = Verification(known.found, known.resumed)
    async for entry in audit.walk(conn):
        verification.feed(entry)
    return verification, known.unseen(verification.finish(position, digest))


async def verify_chain(db: Database, known: Checkpoints | None = None) -> list[Break]:
    """Each break of the chain, located; empty when it holds, and agrees with the checkpoints. Those are
    read before: the chain is never behind them."""
    return (await _verified(db, known or Checkpoints()))[1]


async def _verified(db: Database, known: Checkpoints) -> tuple[int, list[Break]]:
    async with db.system_transaction() as conn:
        await audit.stand_still(conn)
        walked, broken = await walk_along(conn, known)
    return walked.expected - 1, broken


async def check_chain(db: Database, clock: Clock, known: Checkpoints) -> list[Break]:
    """Walk along the whole chain and keep what was found, and with what it was compared, for those who
    look at the audit."""
    entries, broken = await _verified(db, known)
    async with db.system_transaction() as conn:
        check = ChainCheck(
            checked_at=clock(),
            entries=entries,
            broken=[_kept(each) for each in broken],
            compared=known.newest,
            trouble=known.trouble,
            acknowledged=[
                {"at": said.at.isoformat(), "reason": said.reason,
                 "breaks": [_kept(each) for each in said.breaks]}
                for said in known.acknowledged
            ],
        )  # fmt: skip
        await audit.keep_check(conn, check)
    if broken:
        log.critical("the audit chain is broken at entry %d", broken[0].position)
    return broken


def _kept(found: Break) -> dict[str, Any]:
    return {"position": found.position, "kind": found.kind, "values": dict(found.values)}


def watch_chain(keys: Keys) -> Callable[[Service], Awaitable[None]]:
    """A loop for the service: once an hour, and at the start."""

    async def watch(service: Service) -> None:
        while True:
            checkpoints = await published(service.kafka, keys)
            try:
                await check_chain(service.database, system_clock, checkpoints)
            except AWAY as error:
                log.warning("the audit chain waits for the database: %s", type(error).__name__)
            await _rest(service.kafka, keys, checkpoints.trouble)

    return watch


async def _rest(kafka: KafkaSettings, keys: Keys, trouble: str) -> None:
    """Until the next walk: an hour, or less where there are checkpoints now and weren't before."""
    for _ in range(60):
        await asyncio.sleep(CHECK_EVERY_SECONDS / 60)
        if trouble in ("broker", "none") and not (await published(kafka, keys)).trouble:
            return


def _action(event: Event, fields: dict[str, object]) -> str:
    """The topic says what happened; a recorded action says it itself."""
    return str(fields.get("action") or event.topic)


def _uuid(value: object) -> UUID | None:
    return UUID(str(value)) if value else None
