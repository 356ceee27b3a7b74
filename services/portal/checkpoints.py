"""The audit chain's checkpoints: sealed with a key that the database doesn't hold, on a topic of their own."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiokafka import AIOKafkaConsumer

from services.portal.domain.checkpoints import CHAIN, PURPOSE, believed, seal
from services.portal.store import audit
from shared import outbox
from shared.clock import Clock, system_clock
from shared.contracts.portal import AuditSealed
from shared.database import UNAVAILABLE, Database
from shared.events import Actor, Undecodable, read_envelope, read_event
from shared.letters import partitions_of
from shared.secretbox import load_box
from shared.service import Service
from shared.settings import KafkaSettings
from shared.topics import client_options

log = logging.getLogger(__name__)

SEAL_EVERY_SECONDS = 30.0
READ_SECONDS = 120.0
SYSTEM = Actor(kind="system", id="portal")


def sealing_keys(file: Path | None) -> tuple[bytes, ...]:
    """Oldest first; none where there is no master key."""
    return load_box(file).derived(PURPOSE) if file else ()


async def seal_chain(db: Database, key: bytes, clock: Clock) -> bool:
    """Announce how far the chain has come; False when it is where it was."""
    async with db.system_transaction() as conn:
        position, digest = await audit.lock_head(conn)
        if position == await audit.sealed(conn):
            return False
        now, text = clock(), digest.hex()
        checkpoint = AuditSealed(
            chain_id=CHAIN, position=position, hash=text, sealed_at=now,
            seal=seal(key, position, text, now),
        )  # fmt: skip
        await outbox.append(conn, checkpoint, actor=SYSTEM, aggregate_version=position, clock=clock)
        await audit.mark_sealed(conn, position)
    return True


def keep_sealing(file: Path | None) -> Callable[[Service], Awaitable[None]]:
    """A loop for the service: a checkpoint every half minute in which something happened."""

    async def seal_regularly(service: Service) -> None:
        if not (keys := sealing_keys(file)):
            log.warning("without PORTAL_MASTER_KEY_FILE the audit chain gets no checkpoints")
            return
        while True:
            try:
                if await seal_chain(service.database, keys[-1], system_clock):
                    service.relay.wake()
            except UNAVAILABLE as error:
                log.warning("a checkpoint waits for the database: %s", type(error).__name__)
            await asyncio.sleep(SEAL_EVERY_SECONDS)

    return seal_regularly


async def published(kafka: KafkaSettings, keys: tuple[bytes, ...]) -> dict[int, bytes]:
    """Position → hash of every checkpoint on the topic that our keys have sealed. LookupError when there is
    no such topic, KafkaError or TimeoutError when the broker doesn't answer."""
    return await asyncio.wait_for(_published(kafka, keys), READ_SECONDS)


async def _published(kafka: KafkaSettings, keys: tuple[bytes, ...]) -> dict[int, bytes]:
    partitions = await partitions_of(kafka, AuditSealed.topic)
    consumer = AIOKafkaConsumer(**client_options(kafka))
    await consumer.start()
    found: list[AuditSealed] = []
    try:
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        for partition in partitions:
            while await consumer.position(partition) < ends[partition]:
                batch = await consumer.getmany(partition, timeout_ms=1000)
                for record in batch.get(partition, []):
                    try:
                        envelope = read_envelope(record.topic, record.key, record.headers)
                        found.append(read_event(AuditSealed, envelope, record.value))
                    except Undecodable as error:
                        log.warning("a checkpoint can't be read: %s", error.reason)
    finally:
        await consumer.stop()
    return believed(found, keys)
