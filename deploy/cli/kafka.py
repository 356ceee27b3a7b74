"""Looking into the broker: topics, dead letters, replay."""

import logging

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import CommitFailedError
from aiokafka.structs import OffsetAndMetadata

from shared.letters import all_partitions, letters_of, partitions_of, put_back
from shared.settings import KafkaSettings
from shared.topics import client_options

# what it complains of, we say in a sentence
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


async def list_topics() -> None:
    """Print each topic, its partitions and how many records it has had."""
    partitions = await all_partitions(KafkaSettings())
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
    partitions = await partitions_of(KafkaSettings(), topic)
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
    for letter in await letters_of(KafkaSettings(), service):
        print(f"{letter.at}  {letter.origin}  {letter.handler}: {letter.reason}")


async def requeue_dead_letters(service: str, at: str | None) -> None:
    """Put letters back, for that service alone (topic `retry.<service>`)."""
    letters = [x for x in await letters_of(KafkaSettings(), service) if at in (None, x.at)]
    await put_back(KafkaSettings(), service, letters)
    print(f"{len(letters)} put back")
