"""A service that keeps a tally of what it hears, on a database and broker of its own."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from deploy.local.broker import Broker
from deploy.local.postgres import ServiceDatabase
from shared.bus import Bus
from shared.contracts.identity import ProfileChanged, SessionRevoked
from shared.database import Connection, Database, connect
from shared.dead_letters import DeadLetters
from shared.events import Actor, Envelope, Event
from shared.messaging import BatchRunner, Consumers, Heard, Rejected, gathering
from shared.settings import KafkaSettings
from shared.topics import (
    MAX_RECORD_BYTES,
    client_options,
    dead_letter_topic,
    ensure_topics,
    retry_topic,
)
from tests.conftest import DatabaseFactory
from tests.services import kafka_settings

REJECTED_NAME = "never to be accepted"


@dataclass
class Tally:
    """What the test works with."""

    service: str
    kafka: KafkaSettings
    db: Database
    database: ServiceDatabase
    make_bus: Callable[[], Any]
    kind: type[ProfileChanged]
    together: bool = False
    """Whether the service handles a batch as one."""
    cut_off: list[str] = field(default_factory=list)
    """Names whose handler waits, once, for what is cancelled: as a driver does whose connection goes."""

    def event(self, name: str) -> ProfileChanged:
        """An event of this test's own topic."""
        return self.kind(profile_id=uuid4(), company_id=uuid4(), name=name, rights=[], active=True)

    async def heard(self) -> list[str]:
        """Names of the profiles that took effect, one entry each time."""
        rows = await self.db.pool.fetch("SELECT name FROM tally ORDER BY name")
        return [row["name"] for row in rows]

    async def publish(
        self,
        *records: tuple[bytes | None, bytes | None, list[tuple[str, bytes]]],
        topic: str | None = None,
        partition: int | None = None,
    ) -> None:
        """Raw records, as anybody could send them."""
        producer = AIOKafkaProducer(
            **client_options(self.kafka), max_request_size=MAX_RECORD_BYTES + 9999
        )
        await producer.start()
        try:
            for key, value, headers in records:
                await producer.send_and_wait(
                    topic or self.kind.topic, value, key, partition, headers=headers
                )
        finally:
            await producer.stop()

    async def dead_letters(self) -> list[tuple[bytes | None, dict[str, str]]]:
        """Value and headers of each dead letter of this test's own records."""
        consumer = AIOKafkaConsumer(
            **client_options(self.kafka), max_partition_fetch_bytes=MAX_RECORD_BYTES
        )
        await consumer.start()
        try:
            topic = dead_letter_topic(self.service)
            partitions = [TopicPartition(topic, p) for p in range(self.kafka.partitions)]
            consumer.assign(partitions)
            await consumer.seek_to_beginning(*partitions)
            ends = await consumer.end_offsets(partitions)
            found = []
            for partition in partitions:
                while await consumer.position(partition) < ends[partition]:
                    for record in (await consumer.getmany(partition, timeout_ms=500)).get(
                        partition, []
                    ):
                        headers = {n: v.decode(errors="replace") for n, v in record.headers}
                        found.append((record.value, headers))
            return found
        finally:
            await consumer.stop()


def record(
    event: Event, *, version: int = 1, event_id: UUID | None = None, **changed: bytes
) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
    """A record as our relay publishes it, with some headers changed."""
    envelope = Envelope(
        event_id or uuid4(),
        event.topic,
        event.version,
        str(event.key),
        datetime.now(UTC),
        "/facteur/test",
        version,
        Actor(kind="system", id="test"),
        None,
        None,
        None,
    )
    headers = {n: v.encode() for n, v in envelope.headers().items()} | changed
    return envelope.key.encode(), event.model_dump_json().encode(), list(headers.items())


@pytest.fixture
async def tally(new_database: DatabaseFactory, kafka_broker: Broker) -> AsyncIterator[Tally]:
    """A service of a name of its own; consumers are started by the test (`running`)."""
    service = f"tally{uuid4().hex[:8]}"
    kafka = kafka_settings(kafka_broker)
    database = await new_database("portal")
    db = await connect(database.owner_dsn, max_size=4)
    await db.pool.execute("CREATE TABLE tally (name text NOT NULL)")
    kind = type("Renamed", (ProfileChanged,), {"topic": f"profile.changed-{service}"})
    await ensure_topics(
        kafka, [kind, SessionRevoked], [dead_letter_topic(service), retry_topic(service)]
    )
    consumers = Consumers(service)

    async def count(conn: Connection, event: ProfileChanged, _: Envelope) -> None:
        if event.name == REJECTED_NAME:
            raise Rejected("this name is never accepted")
        if event.name.startswith("breaks"):
            raise ValueError("a mistake in the handler")
        if event.name in made.cut_off:
            made.cut_off.remove(event.name)
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            waiter.cancel()
            await waiter
        await conn.execute("INSERT INTO tally (name) VALUES ($1)", event.name)

    async def count_all(conn: Connection, heard: Sequence[Heard]) -> None:
        for event, envelope in heard:
            await count(conn, event, envelope)

    def make_bus() -> tuple[Bus, DeadLetters]:
        if made.together:
            consumers.on_batch([kind])(count_all)
            consumers.pace("facts", gathering(50))
        else:
            consumers.on(kind)(count)
        bus = Bus(consumers, kafka)
        letters = DeadLetters(service, kafka)
        bus.subscribe(BatchRunner(consumers, db, letters))
        return bus, letters

    made = Tally(service, kafka, db, database, make_bus, kind)
    yield made
    await db.close()


@asynccontextmanager
async def running(tally: Tally) -> AsyncIterator[None]:
    """The service's consumers, joined to their group."""
    bus, letters = tally.make_bus()
    await asyncio.wait_for(bus.start(), 30)
    try:
        yield
    finally:
        await bus.stop()
        await letters.close()
