"""FastStream on Apache Kafka: one batch subscriber a lane, acknowledged after the effect committed."""

import asyncio
import dataclasses
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.annotations import KafkaMessage

from shared.messaging import BatchRunner, Consumers, Pace
from shared.settings import KafkaSettings
from shared.topics import MAX_RECORD_BYTES, client_options, retry_topic

log = logging.getLogger(__name__)

METADATA_SECONDS = 30
"""How long a lane may work with what it knew of topics and their partitions (aiokafka's default is five
minutes): whatever it missed while the broker was starting, it learns then."""


@dataclass
class LaneHealth:
    """How far one consumer group is behind, and when it last asked the broker for more."""

    lag: int
    assigned: int
    seconds_since_poll: float


@dataclass
class Bus:
    """The consuming side of one service."""

    consumers: Consumers
    kafka: KafkaSettings
    broker: KafkaBroker = field(init=False)
    _subscribers: dict[str, Any] = field(default_factory=dict)
    _started_at: float = 0.0

    def __post_init__(self) -> None:
        options = client_options(self.kafka)
        options.pop("security_protocol")
        self.broker = KafkaBroker(
            options.pop("bootstrap_servers"),
            parser=_parse,
            decoder=_decode,
            graceful_timeout=20,
            allow_auto_create_topics=False,
            metadata_max_age_ms=METADATA_SECONDS * 1000,
            logger=log,
            log_level=logging.DEBUG,
            **_security(self.kafka),
        )

    def subscribe(self, runner: BatchRunner) -> None:
        """Declare one subscriber a lane; call before `start`."""
        service = self.consumers.service
        for lane, topics in self.consumers.lanes().items():
            pace = self.consumers.paces.get(lane, Pace())
            subscriber = self.broker.subscriber(
                *topics,
                retry_topic(service),
                batch=True,
                group_id=f"{service}.{lane}",
                auto_offset_reset="earliest",
                ack_policy=AckPolicy.NACK_ON_ERROR,
                no_reply=True,
                max_records=500,
                batch_timeout_ms=200,
                fetch_min_bytes=pace.min_bytes,
                fetch_max_wait_ms=min(pace.wait_ms, self.kafka.fetch_max_wait_ms),
                max_partition_fetch_bytes=MAX_RECORD_BYTES,
                session_timeout_ms=self.kafka.session_timeout_ms,
                heartbeat_interval_ms=self.kafka.heartbeat_ms,
                max_poll_interval_ms=600_000,
            )
            run = dataclasses.replace(runner, lane=lane).run
            subscriber(_handler(run, pace.rest_ms / 1000))
            self._subscribers[lane] = subscriber

    async def start(self) -> None:
        """Join the groups as soon as the broker answers, however long that takes."""
        while True:
            try:
                await self.broker.start()
            except (KafkaError, OSError, TimeoutError) as error:
                log.warning("broker not there yet: %s", type(error).__name__)
                await self.stop()
                await asyncio.sleep(0.3)
            else:
                self._started_at = time.time()
                return

    async def stop(self) -> None:
        """Finish the batch in hand, commit, leave the groups."""
        try:
            await asyncio.wait_for(self.broker.stop(), 25)
        except (KafkaError, OSError, TimeoutError) as error:
            log.warning("left the broker by force: %s", type(error).__name__)

    async def health(self) -> dict[str, LaneHealth]:
        """Lag and last poll of each lane."""
        return {lane: await self._lane_health(s) for lane, s in self._subscribers.items()}

    async def _lane_health(self, subscriber: Any) -> LaneHealth:
        consumer = subscriber.consumer
        if consumer is None:
            return LaneHealth(0, 0, time.time() - self._started_at)
        assigned: set[TopicPartition] = consumer.assignment()
        lag, polled = 0, self._started_at
        for partition in assigned:
            polled = max(polled, (consumer.last_poll_timestamp(partition) or 0) / 1000)
            lag += await _behind(consumer, partition)
        return LaneHealth(lag, len(assigned), max(0.0, time.time() - polled))


async def _behind(consumer: Any, partition: TopicPartition) -> int:
    """Records of a partition that the lane hasn't seen; 0 while the broker hasn't said where it stands."""
    end = consumer.highwater(partition)
    try:
        async with asyncio.timeout(0.5):
            return 0 if end is None else max(0, end - await consumer.position(partition))
    except (TimeoutError, KafkaError):
        return 0


def _handler(run: Callable[[Any], Awaitable[None]], rest: float) -> Callable[..., Awaitable[None]]:
    async def apply_batch(body: list[bytes], message: KafkaMessage) -> None:  # noqa: ARG001
        began = time.monotonic()
        await run(message.raw_message)
        await asyncio.sleep(max(0.0, began + rest - time.monotonic()))

    return apply_batch


async def _parse(message: Any, original: Callable[[Any], Awaitable[Any]]) -> Any:
    """FastStream reads headers as UTF-8 and would skip a record whose headers aren't, and answer
    a `reply_to`: it gets to see neither; ours are read from the raw record."""
    raw = message if isinstance(message, tuple) else (message,)
    bare = tuple(dataclasses.replace(record, headers=()) for record in raw)
    parsed = await original(bare if isinstance(message, tuple) else bare[0])
    parsed.raw_message = message
    return parsed


async def _decode(message: Any) -> Any:
    return [b""] * len(message.raw_message)


def _security(kafka: KafkaSettings) -> dict[str, Any]:
    if kafka.security == "PLAINTEXT":
        return {}
    from faststream.security import BaseSecurity, SASLScram512

    context = client_options(kafka).get("ssl_context")
    if not kafka.security.startswith("SASL"):
        return {"security": BaseSecurity(ssl_context=context, use_ssl=True)}
    password = kafka.password.get_secret_value() if kafka.password else ""
    security = SASLScram512(
        username=kafka.username or "",
        password=password,
        ssl_context=context,
        use_ssl=kafka.security.endswith("SSL"),
    )
    return {"security": security}
