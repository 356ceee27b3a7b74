"""Dead letters: records that can't be decoded or applied, kept with reason, origin and handler."""

import asyncio
import logging
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared import metrics
from shared.records import (
    HANDLER,
    LANE,
    ORIGIN_OFFSET,
    ORIGIN_PARTITION,
    ORIGIN_TOPIC,
    OWN_HEADERS,
    REASON,
    Record,
    origin_of,
)
from shared.settings import KafkaSettings
from shared.topics import MAX_LETTER_BYTES, client_options, dead_letter_topic

log = logging.getLogger(__name__)


@dataclass
class DeadLetters:
    """One service's dead-letter topic; the producer is made at the first letter."""

    service: str
    kafka: KafkaSettings
    count: int = 0
    _producer: AIOKafkaProducer | None = None

    async def add(self, record: Record, *, reason: str, handler: str, lane: str) -> None:
        """Publish `record` with its reason; returns once the broker has it, however long that takes."""
        headers = [(n, v) for n, v in record.headers if n not in OWN_HEADERS]
        headers += [
            (REASON, reason[:2000].encode()),
            (HANDLER, handler.encode()),
            (LANE, lane.encode()),
            (ORIGIN_TOPIC, origin_of(record).encode()),
            (ORIGIN_PARTITION, str(record.partition).encode()),
            (ORIGIN_OFFSET, str(record.offset).encode()),
        ]
        log.error(
            "dead letter from %s/%d@%d: %s", record.topic, record.partition, record.offset, reason
        )
        while not await self._published(record, headers):  # noqa: ASYNC110 — the broker rings no bell
            await asyncio.sleep(0.5)
        self.count += 1
        group = f"{self.service}.{lane}"
        metrics.dead_letters.add(1, {"messaging.consumer.group.name": group, "handler": handler})

    async def _published(self, record: Record, headers: list[tuple[str, bytes]]) -> bool:
        topic = dead_letter_topic(self.service)
        try:
            producer = await self._started()
            sending = producer.send_and_wait(
                topic, key=record.key, value=record.value, headers=headers
            )
            await asyncio.wait_for(sending, 15)
        except (KafkaError, OSError, TimeoutError) as error:
            log.warning("dead letter waits for the broker: %s", type(error).__name__)
            await self.close()
            return False
        return True

    async def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = AIOKafkaProducer(
                **client_options(self.kafka), acks="all", max_request_size=MAX_LETTER_BYTES
            )
            await asyncio.wait_for(producer.start(), 10)
            self._producer = producer
        return self._producer

    async def close(self) -> None:
        """End the producer, at most two seconds."""
        producer, self._producer = self._producer, None
        if producer is not None:
            try:
                await asyncio.wait_for(producer.stop(), 2)
            except (KafkaError, TimeoutError):
                log.warning("the dead-letter producer was discarded while the broker was away")
