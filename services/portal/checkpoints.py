"""The audit chain's checkpoints: sealed with a key that the database doesn't hold, on a topic of their own."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiokafka.errors import KafkaError

from services.portal.domain.checkpoints import CHAIN, PURPOSE, Checkpoints, due, seal, unread
from services.portal.store import audit
from shared import outbox
from shared.clock import Clock, system_clock
from shared.contracts.portal import AuditSealed
from shared.database import AWAY, Database
from shared.events import Actor, Undecodable, read_envelope, read_event
from shared.letters import records_of
from shared.secretbox import load_box
from shared.service import Service
from shared.settings import KafkaSettings

log = logging.getLogger(__name__)

LOOK_EVERY_SECONDS = 10.0
SYSTEM = Actor(kind="system", id="portal")


def sealing_keys(file: Path | None) -> tuple[bytes, ...]:
    """Oldest first; none where there is no master key."""
    return load_box(file).derived(PURPOSE) if file else ()


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


async def published(kafka: KafkaSettings, keys: tuple[bytes, ...]) -> Checkpoints:
    """Every checkpoint on the topic that our keys have sealed; or why there is none to compare with."""
    if not keys:
        return unread("key")
    heard = Checkpoints()
    try:
        async for record in records_of(kafka, AuditSealed.topic):
            try:
                envelope = read_envelope(record.topic, record.key, record.headers)
                heard.hear(read_event(AuditSealed, envelope, record.value), keys)
            except Undecodable:
                heard.strange += 1
    except LookupError:
        return unread("none")
    except (KafkaError, OSError) as error:
        log.warning("the audit's checkpoints can't be read: %s: %s", type(error).__name__, error)
        return unread("broker")
    heard.trouble = "" if heard.found else "none"
    return heard
