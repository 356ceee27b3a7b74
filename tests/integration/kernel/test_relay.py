"""The relay on Apache Kafka: every committed event is published, in order, also across kills."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared import outbox
from shared.contracts.identity import ProfileChanged
from shared.events import Actor
from shared.relay import Relay
from shared.topics import MAX_RECORD_BYTES, client_options
from tests.integration.kernel.conftest import Tally
from tests.services import eventually

pytestmark = pytest.mark.kafka

SYSTEM = Actor(kind="system", id="test")

RELAY = """
import asyncio, sys
from shared.relay import Relay
from shared.settings import KafkaSettings
asyncio.run(Relay(sys.argv[1], KafkaSettings()).run())
"""


async def commit(tally: Tally, profile_id: UUID, versions: range) -> None:
    """Events of one aggregate, committed one by one."""
    for version in versions:
        async with tally.db.system_transaction() as conn:
            event = tally.kind(
                profile_id=profile_id,
                company_id=profile_id,
                name=str(version),
                rights=[],
                active=True,
            )
            await outbox.append(conn, event, actor=SYSTEM, aggregate_version=version)


async def published(tally: Tally) -> list[tuple[str, str, str]]:
    """(key, event id, name) of every record on the topic, in the order of each partition."""
    consumer = AIOKafkaConsumer(
        **client_options(tally.kafka), max_partition_fetch_bytes=MAX_RECORD_BYTES
    )
    await consumer.start()
    try:
        partitions = [TopicPartition(tally.kind.topic, p) for p in range(tally.kafka.partitions)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        found = []
        for partition in partitions:
            while await consumer.position(partition) < ends[partition]:
                for record in (await consumer.getmany(partition, timeout_ms=500)).get(
                    partition, []
                ):
                    event = ProfileChanged.model_validate_json(record.value)
                    found.append(
                        (record.key.decode(), dict(record.headers)["ce_id"].decode(), event.name)
                    )
        return found
    finally:
        await consumer.stop()


async def nothing_pending(tally: Tally) -> bool:
    """Whether every row of the outbox is marked published."""
    pending: int = await tally.db.pool.fetchval(
        "SELECT count(*) FROM outbox WHERE published_at IS NULL"
    )
    return pending == 0


@asynccontextmanager
async def relay_process(
    tally: Tally, failpoint: str = ""
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A relay in a process of its own, that may be told to die at a failpoint."""
    env = {
        **os.environ, "FACTEUR_KAFKA_BOOTSTRAP": tally.kafka.bootstrap,
        "FACTEUR_KAFKA_PARTITIONS": str(tally.kafka.partitions), "FACTEUR_FAILPOINT": failpoint,
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", RELAY, tally.database.runtime_dsn, env=env
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.parametrize("failpoint", ["relay.before_send", "relay.after_send", "relay.after_mark"])
async def test_a_relay_killed_between_two_steps_loses_nothing_and_keeps_ids_and_order(
    tally: Tally, failpoint: str
) -> None:
    aggregate = uuid4()
    await commit(tally, aggregate, range(1, 21))
    async with relay_process(tally, failpoint) as process:
        assert await asyncio.wait_for(process.wait(), 30) == -signal.SIGKILL
    async with relay_process(tally):
        await eventually(lambda: nothing_pending(tally), 30)
    records = await published(tally)
    first_of_each = list(dict.fromkeys((event_id, name) for _, event_id, name in records))
    assert [name for _, name in first_of_each] == [str(v) for v in range(1, 21)]
    assert {key for key, _, _ in records} == {str(aggregate)}


async def test_two_relays_publish_everything_once_and_in_order(tally: Tally) -> None:
    aggregates = [uuid4() for _ in range(4)]
    async with relay_process(tally), relay_process(tally):
        await asyncio.gather(*(commit(tally, a, range(1, 101)) for a in aggregates))
        await eventually(lambda: nothing_pending(tally), 30)
    records = await published(tally)
    for aggregate in aggregates:
        names = [name for key, _, name in records if key == str(aggregate)]
        assert names == [str(v) for v in range(1, 101)]


async def test_a_broker_that_lost_its_memory_is_filled_again_with_the_same_ids(
    tally: Tally,
) -> None:
    await commit(tally, uuid4(), range(1, 6))
    await tally.db.pool.execute("UPDATE outbox SET published_at = now()")
    relay = Relay(tally.database.runtime_dsn, tally.kafka)
    task = asyncio.create_task(relay.run())

    async def filled() -> bool:
        return len(await published(tally)) == 5

    try:
        await eventually(filled, 30)
    finally:
        task.cancel()
    ids = {str(r["event_id"]) for r in await tally.db.pool.fetch("SELECT event_id FROM outbox")}
    assert {event_id for _, event_id, _ in await published(tally)} == ids


async def roll_back(tally: Tally, aggregate: UUID) -> None:
    """An event appended in a transaction that fails."""
    async with tally.db.system_transaction() as conn:
        event = tally.kind(
            profile_id=aggregate, company_id=aggregate, name="1", rights=[], active=True
        )
        await outbox.append(conn, event, actor=SYSTEM, aggregate_version=1)
        raise ZeroDivisionError


async def test_what_is_rolled_back_is_never_published(tally: Tally) -> None:
    aggregate = uuid4()
    with pytest.raises(ZeroDivisionError):
        await roll_back(tally, aggregate)
    await commit(tally, aggregate, range(2, 3))
    async with relay_process(tally):
        await eventually(lambda: nothing_pending(tally), 30)
    assert [name for _, _, name in await published(tally)] == ["2"]
