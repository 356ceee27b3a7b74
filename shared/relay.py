"""The relay: publishes the outbox in order. One a database, elected by an advisory lock.

Lock, read and mark go over one direct connection; losing it discards the producer. A record is
marked published only after the broker acknowledged it; a crash between the two sends it again
with the same event id, and its consumers know it already.
"""

import asyncio
import json
import logging
import time
from dataclasses import dataclass, field

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from shared import metrics
from shared.database import UNAVAILABLE
from shared.failpoints import failpoint
from shared.settings import KafkaSettings
from shared.topics import MAX_RECORD_BYTES, client_options
from shared.waiting import rest, unless_cut_off

log = logging.getLogger(__name__)

LOCK = 7_240_116
POLL_SECONDS = 0.05
"""While events come; for what other processes commit, this process is woken for its own."""
IDLE_POLL_SECONDS = 0.1
IDLE_AFTER_SECONDS = 2.0
BATCH_ROWS = 500
BATCH_BYTES = 16 * 1024 * 1024
SEND_TIMEOUT = 30.0

PENDING = """
    SELECT position, topic, key, headers, payload FROM (
        SELECT position, topic, key, headers, payload,
               sum(octet_length(payload)) OVER (ORDER BY position) - octet_length(payload) AS before
        FROM (SELECT position, topic, key, headers, payload FROM outbox
              WHERE published_at IS NULL ORDER BY position LIMIT $1) AS oldest
    ) AS sized WHERE before < $2 ORDER BY position
"""


@dataclass
class Relay:
    """`run()` until cancelled; `wake()` after a commit spares the wait for the next poll."""

    url: str
    kafka: KafkaSettings
    name: str = ""
    """Whose outbox, for the figures."""
    leading: bool = False
    last_round: float = field(default_factory=time.monotonic)
    published: int = 0
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """Something was committed to the outbox by this process."""
        self._woken.set()

    @property
    def age(self) -> float:
        """Seconds since the relay last looked (as leader) or asked for the lock (as follower)."""
        return time.monotonic() - self.last_round

    async def run(self) -> None:
        """Lead when nobody else does; begin again after every loss of database or broker."""
        while True:
            try:
                with unless_cut_off():
                    await self._lead()
            except (*UNAVAILABLE, KafkaError) as error:
                log.warning("relay begins again: %s: %s", type(error).__name__, error)
            except Exception:
                log.exception("relay begins again")
            finally:
                self.leading = False
            await asyncio.sleep(0.2)

    async def _lead(self) -> None:
        conn = await asyncpg.connect(
            self.url, timeout=5, command_timeout=30, server_settings={"jit": "off"}
        )
        try:
            await conn.execute("SELECT set_config('app.company_id', '*', false)")
            while not await conn.fetchval("SELECT pg_try_advisory_lock($1)", LOCK):
                self.last_round = time.monotonic()
                await asyncio.sleep(0.25)
            await self._refill_an_empty_broker(conn)
            await self._publish_until_lost(conn)
        finally:
            conn.terminate()

    async def _publish_until_lost(self, conn: "asyncpg.Connection[asyncpg.Record]") -> None:
        producer = self._producer()
        async with asyncio.timeout(10):
            await producer.start()
        self.leading = True
        busy = time.monotonic()
        try:
            while True:
                self._woken.clear()
                sent, all_sent = await self._round(conn, producer)
                self.last_round = time.monotonic()
                if sent:
                    busy = self.last_round
                if all_sent:
                    idle = self.last_round - busy > IDLE_AFTER_SECONDS
                    await rest(self._woken, IDLE_POLL_SECONDS if idle else POLL_SECONDS)
        finally:
            await _stop(producer)

    async def _round(
        self, conn: "asyncpg.Connection[asyncpg.Record]", producer: AIOKafkaProducer
    ) -> tuple[int, bool]:
        """Publish a batch; how many records it had, and whether that was all there was."""
        rows = await conn.fetch(PENDING, BATCH_ROWS, BATCH_BYTES)
        if not rows:
            return 0, True
        failpoint("relay.before_send")
        async with asyncio.timeout(SEND_TIMEOUT):
            await _send(producer, rows)
        failpoint("relay.after_send")
        await conn.execute(
            "UPDATE outbox SET published_at = now() WHERE position = ANY($1)",
            [row["position"] for row in rows],
        )
        failpoint("relay.after_mark")
        self.published += len(rows)
        metrics.relay_published.add(len(rows), {"service": self.name})
        size = sum(len(row["payload"]) for row in rows)
        return len(rows), len(rows) < BATCH_ROWS and size < BATCH_BYTES

    async def _refill_an_empty_broker(self, conn: "asyncpg.Connection[asyncpg.Record]") -> None:
        """A broker that lost its memory (a topic with nothing in it, ever) is filled again."""
        rows = await conn.fetch("SELECT DISTINCT topic FROM outbox WHERE published_at IS NOT NULL")
        topics = [row["topic"] for row in rows]
        for topic in await self._never_written(topics):
            done = await conn.execute(
                "UPDATE outbox SET published_at = NULL WHERE topic = $1", topic
            )
            log.warning("topic %s is empty on the broker: %s rows are sent again", topic, done)

    async def _never_written(self, topics: list[str]) -> list[str]:
        if not topics:
            return []
        consumer = AIOKafkaConsumer(**client_options(self.kafka))
        async with asyncio.timeout(10):
            await consumer.start()
        try:
            partitions = [
                TopicPartition(topic, number)
                for topic in topics
                for number in range(self.kafka.partitions)
            ]
            async with asyncio.timeout(10):
                ends = await consumer.end_offsets(partitions)
            return [t for t in topics if not any(e for p, e in ends.items() if p.topic == t)]
        finally:
            await consumer.stop()

    def _producer(self) -> AIOKafkaProducer:
        options = client_options(self.kafka)
        if self.kafka.idempotent:
            options["enable_idempotence"] = True
        return AIOKafkaProducer(
            **options,
            acks="all",
            linger_ms=0,
            max_request_size=MAX_RECORD_BYTES,
            request_timeout_ms=10_000,
        )


async def _send(producer: AIOKafkaProducer, rows: "list[asyncpg.Record]") -> None:
    """Hand over in order, then wait for every acknowledgement; any refusal fails the round."""
    futures = [
        await producer.send(
            row["topic"],
            key=row["key"].encode(),
            value=row["payload"],
            headers=[(n, v.encode()) for n, v in json.loads(row["headers"]).items()],
        )
        for row in rows
    ]
    await asyncio.gather(*futures)


async def _stop(producer: AIOKafkaProducer) -> None:
    """An idempotent producer waits for ever for a broker that is away: give it two seconds."""
    try:
        async with asyncio.timeout(2):
            await producer.stop()
    except (TimeoutError, KafkaError):
        log.warning("the producer was discarded while the broker was away")
