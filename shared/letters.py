"""Looking through dead letters, and putting them back for the service that could not apply them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from shared.records import HANDLER, ORIGIN_OFFSET, ORIGIN_PARTITION, ORIGIN_TOPIC, REASON
from shared.settings import KafkaSettings
from shared.topics import MAX_LETTER_BYTES, client_options, dead_letter_topic, retry_topic

SILENCE_SECONDS = 15.0
"""How long the broker may say nothing to whoever reads."""


@dataclass(frozen=True)
class Letter:
    """One dead letter."""

    at: str
    """`partition@offset` in the dead-letter topic: what names it."""
    origin: str
    """Where it first came from: `topic/partition@offset`."""
    handler: str
    reason: str
    record: "ConsumerRecord[bytes, bytes]"


async def letters_of(kafka: KafkaSettings, service: str, newest: int | None = None) -> list[Letter]:
    """All of one service's, or the newest of each partition; LookupError when it has no topic yet."""
    return [_letter(r) async for r in records_of(kafka, dead_letter_topic(service), newest)]


async def records_of(
    kafka: KafkaSettings, topic: str, newest: int | None = None
) -> "AsyncIterator[ConsumerRecord[bytes, bytes]]":
    """What a topic holds now, from its beginning or the newest of each partition, as no group's member.
    LookupError when there is no such topic, TimeoutError when the broker falls silent."""
    partitions = await partitions_of(kafka, topic)
    consumer = AIOKafkaConsumer(**client_options(kafka), max_partition_fetch_bytes=MAX_LETTER_BYTES)
    try:
        await asyncio.wait_for(consumer.start(), SILENCE_SECONDS)
        consumer.assign(partitions)
        begins = await asyncio.wait_for(consumer.beginning_offsets(partitions), SILENCE_SECONDS)
        ends = await asyncio.wait_for(consumer.end_offsets(partitions), SILENCE_SECONDS)
        for partition in partitions:
            first = begins[partition] if newest is None else ends[partition] - newest
            consumer.seek(partition, max(first, begins[partition]))
            while await consumer.position(partition) < ends[partition]:
                batch = await consumer.getmany(partition, timeout_ms=int(SILENCE_SECONDS * 1000))
                if not batch:
                    raise TimeoutError(f"the broker sends nothing more of {topic}")
                for record in batch[partition]:
                    yield record
    finally:
        await consumer.stop()


async def put_back(kafka: KafkaSettings, service: str, letters: Sequence[Letter]) -> None:
    """Put letters back, for that service alone (topic `retry.<service>`)."""
    producer = AIOKafkaProducer(
        **client_options(kafka), acks="all", max_request_size=MAX_LETTER_BYTES
    )
    await producer.start()
    try:
        for letter in letters:
            await producer.send_and_wait(
                retry_topic(service),
                key=letter.record.key,
                value=letter.record.value,
                headers=list(letter.record.headers),
            )
    finally:
        await producer.stop()


async def partitions_of(kafka: KafkaSettings, topic: str) -> list[TopicPartition]:
    """A topic's partitions; LookupError when there is no such topic."""
    found = await all_partitions(kafka)
    if topic not in found:
        raise LookupError(f"there is no topic {topic}")
    return found[topic]


async def all_partitions(kafka: KafkaSettings) -> dict[str, list[TopicPartition]]:
    """Every topic with its partitions; the broker's own topics left out."""
    admin = AIOKafkaAdminClient(**client_options(kafka))
    await admin.start()
    try:
        described = await admin.describe_topics()
    finally:
        await admin.close()
    return {
        topic["topic"]: sorted(
            TopicPartition(topic["topic"], partition["partition"])
            for partition in topic["partitions"]
        )
        for topic in described
        if not topic["is_internal"]
    }


def _letter(record: "ConsumerRecord[bytes, bytes]") -> Letter:
    head = {name: value.decode(errors="replace") for name, value in record.headers}
    origin = f"{head.get(ORIGIN_TOPIC)}/{head.get(ORIGIN_PARTITION)}@{head.get(ORIGIN_OFFSET)}"
    at = f"{record.partition}@{record.offset}"
    return Letter(at, origin, head.get(HANDLER, ""), head.get(REASON, ""), record)
