"""The audit chain's checkpoints: sealed with a key that the database doesn't hold, on a topic of their own."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiokafka.errors import KafkaError

from services.portal.domain import acknowledged
from services.portal.domain.acknowledged import Acknowledgement
from services.portal.domain.audit import Break
from services.portal.domain.checkpoints import CHAIN, PURPOSE, Checkpoints, due, seal, unread
from services.portal.store import audit
from shared import outbox
from shared.clock import Clock, system_clock
from shared.contracts.portal import AuditBreakAcknowledged, AuditSealed
from shared.database import AWAY, Database
from shared.events import Actor, E, Undecodable, read_envelope, read_event
from shared.letters import records_of
from shared.secretbox import load_box
from shared.service import Service
from shared.settings import KafkaSettings

log = logging.getLogger(__name__)

LOOK_EVERY_SECONDS = 10.0
SYSTEM = Actor(kind="system", id="portal")


@dataclass(frozen=True)
class Keys:
    """One of each master key, oldest first; none where there is no master key."""

    checkpoints: tuple[bytes, ...] = ()
    acknowledgements: tuple[bytes, ...] = ()


def sealing_keys(file: Path | None) -> Keys:
    """Those of the portal's master key file."""
    if file is None:
        return Keys()
    box = load_box(file)
    return Keys(box.derived(PURPOSE), box.derived(acknowledged.PURPOSE))


async def seal_chain(db: Database, key: bytes, clock: Clock) -> bool:
    """Announce how far the chain has come, where that is due; False when it isn't. Whoever is killed
    meanwhile has announced nothing, and the next to look does it."""
    async with db.system_transaction() as conn:
        position, digest = await audit.lock_head(conn)
        now, text = clock(), digest.hex()
        if not due(now, position, *await audit.sealed(conn)):
            return False
        checkpoint = AuditSealed(
            chain_id=CHAIN, position=position, hash=text, sealed_at=now,
            seal=seal(key, position, text, now),
        )  # fmt: skip
        await outbox.append(conn, checkpoint, actor=SYSTEM, aggregate_version=position, clock=clock)
        await audit.mark_sealed(conn, position, now)
    return True


def keep_sealing(key: bytes) -> Callable[[Service], Awaitable[None]]:
    """A loop for the service: looks from time to time whether a checkpoint is due."""

    async def seal_regularly(service: Service) -> None:
        while True:
            try:
                if await seal_chain(service.database, key, system_clock):
                    service.relay.wake()
            except AWAY as error:
                log.warning("a checkpoint waits for the database: %s", type(error).__name__)
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    return seal_regularly


async def published(kafka: KafkaSettings, keys: Keys) -> Checkpoints:
    """Every checkpoint and acknowledgement on the topics that our keys have sealed; or why there is
    nothing to compare with."""
    if not keys.checkpoints:
        return unread("key")
    heard = Checkpoints()
    try:
        async for said in _events(kafka, AuditSealed, heard):
            heard.hear(said, keys.checkpoints)
        async for seen in _events(kafka, AuditBreakAcknowledged, heard):
            if acknowledged.genuine(content_of(seen), seen.seal, keys.acknowledgements):
                heard.hear_acknowledged(_acknowledgement(seen))
            else:
                heard.strange += 1
    except (KafkaError, OSError) as error:
        log.warning("the audit's checkpoints can't be read: %s: %s", type(error).__name__, error)
        return unread("broker")
    heard.trouble = "" if heard.found else "none"
    return heard


async def _events(kafka: KafkaSettings, kind: type[E], heard: Checkpoints) -> AsyncIterator[E]:
    """What the topic holds, as far as it can be read; nothing where there is none yet."""
    try:
        async for record in records_of(kafka, kind.topic):
            try:
                envelope = read_envelope(record.topic, record.key, record.headers)
                event = read_event(kind, envelope, record.value)
            except Undecodable:
                heard.strange += 1
            else:
                yield event
    except LookupError:
        return


def content_of(seen: AuditBreakAcknowledged) -> dict[str, Any]:
    """What of an acknowledgement is under its seal: all the rest."""
    return seen.model_dump(mode="json", exclude={"seal"})


def _acknowledgement(seen: AuditBreakAcknowledged) -> Acknowledgement:
    return Acknowledgement(
        seen.position,
        bytes.fromhex(seen.hash),
        seen.agreed,
        tuple(Break(b.position, b.kind, b.values, b.evidence) for b in seen.breaks),
        seen.operator,
        seen.reason,
        seen.acknowledged_at,
    )
