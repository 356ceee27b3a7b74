"""Looking into the broker: topics, dead letters, replay."""

import logging

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import CommitFailedError
from aiokafka.structs import OffsetAndMetadata

from shared.records import HANDLER, ORIGIN_OFFSET, ORIGIN_PARTITION, ORIGIN_TOPIC, REASON
from shared.settings import KafkaSettings
from shared.topics import MAX_RECORD_BYTES, client_options, dead_letter_topic, retry_topic

# what it complains of, we say in a sentence
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


async def list_topics() -> None:
    """Print each topic, its partitions and how many records it has had."""
    partitions = await _partitions()
    consumer = AIOKafkaConsumer(**client_options(KafkaSettings()))
    await consumer.start()
    try:
        for topic, found in sorted(partitions.items()):
            ends = await consumer.end_offsets(found)
            print(f"{topic:28} {len(found)} partitions {sum(ends.values()):10} records")
    finally:
        await consumer.stop()


async def replay(topic: str, group: str, offset: int) -> None:
    """Set a consumer group back; effective while none of its members runs."""
    partitions = await _partitions_of(topic)
    consumer = AIOKafkaConsumer(
        **client_options(KafkaSettings()), group_id=group, enable_auto_commit=False
    )
    await consumer.start()
    try:
        consumer.assign(partitions)
        try:
            await consumer.commit({p: OffsetAndMetadata(offset, "") for p in partitions})
        except CommitFailedError as error:
            raise LookupError(
                f"{group} has running members: stop them (all processes of that service) first"
            ) from error
        print(f"{group} reads {topic} from offset {offset} on at its next start")
    finally:
        await consumer.stop()


async def list_dead_letters(service: str) -> None:
    """Print where each came from, which handler refused it, and why."""
    for record in await _dead_letters(service):
        head = {name: value.decode(errors="replace") for name, value in record.headers}
        origin = f"{head.get(ORIGIN_TOPIC)}/{head.get(ORIGIN_PARTITION)}@{head.get(ORIGIN_OFFSET)}"
        print(
            f"{record.partition}@{record.offset}  {origin}  {head.get(HANDLER)}: {head.get(REASON)}"
        )


async def requeue_dead_letters(service: str, at: str | None) -> None:
    """Put letters back, for that service alone (topic `retry.<service>`)."""
    letters = [r for r in await _dead_letters(service) if at in (None, f"{r.partition}@{r.offset}")]
    producer = AIOKafkaProducer(
        **client_options(KafkaSettings()), acks="all", max_request_size=MAX_RECORD_BYTES
    )
    await producer.start()
    try:
        for record in letters:
            await producer.send_and_wait(
                retry_topic(service),
                key=record.key,
                value=record.value,
                headers=list(record.headers),
            )
    finally:
        await producer.stop()
    print(f"{len(letters)} put back")


async def _dead_letters(service: str) -> "list[ConsumerRecord[bytes, bytes]]":
    partitions = await _partitions_of(dead_letter_topic(service))
    consumer = AIOKafkaConsumer(
        **client_options(KafkaSettings()), max_partition_fetch_bytes=MAX_RECORD_BYTES
    )
    await consumer.start()
    try:
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        found: list[ConsumerRecord[bytes, bytes]] = []
        for partition in partitions:
            while await consumer.position(partition) < ends[partition]:
                batch = await consumer.getmany(partition, timeout_ms=1000)
                found += batch.get(partition, [])
        return found
    finally:
        await consumer.stop()


async def _partitions_of(topic: str) -> list[TopicPartition]:
    found = await _partitions()
    if topic not in found:
        raise LookupError(f"there is no topic {topic}")
    return found[topic]


async def _partitions() -> dict[str, list[TopicPartition]]:
    """Every topic with its partitions; the broker's own topics left out."""
    admin = AIOKafkaAdminClient(**client_options(KafkaSettings()))
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
