"""A consumer killed between any two of its steps: each event takes effect, and once."""

import asyncio
import os
import signal
import sys

import pytest

from tests.integration.kernel.conftest import Tally, record, running
from tests.services import eventually

pytestmark = pytest.mark.kafka

CONSUMER = """
import asyncio, sys
from shared.bus import Bus
from shared.contracts.identity import ProfileChanged
from shared.database import connect
from shared.dead_letters import DeadLetters
from shared.messaging import BatchRunner, Consumers
from shared.settings import KafkaSettings

service, dsn, topic = sys.argv[1:]
consumers, kafka = Consumers(service), KafkaSettings()

@consumers.on(type("Renamed", (ProfileChanged,), {"topic": topic}))
async def count(conn, event, envelope):
    await conn.execute("INSERT INTO tally (name) VALUES ($1)", event.name)

async def main():
    bus = Bus(consumers, kafka)
    bus.subscribe(BatchRunner(consumers, await connect(dsn), DeadLetters(service, kafka)))
    await bus.start()
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.parametrize(
    "failpoint", ["consume.before_batch", "consume.before_commit", "consume.after_batch"]
)
async def test_a_consumer_killed_at_any_step_loses_and_repeats_nothing(
    tally: Tally, failpoint: str
) -> None:
    names = [f"k{number:03}" for number in range(40)]
    await tally.publish(*(record(tally.event(name)) for name in names))
    env = {
        **os.environ, "FACTEUR_FAILPOINT": failpoint,
        "FACTEUR_KAFKA_BOOTSTRAP": tally.kafka.bootstrap,
        "FACTEUR_KAFKA_PARTITIONS": str(tally.kafka.partitions),
        "FACTEUR_KAFKA_SESSION_TIMEOUT_MS": "6000", "FACTEUR_KAFKA_HEARTBEAT_MS": "300",
    }  # fmt: skip
    arguments = [tally.service, tally.database.owner_dsn, tally.kind.topic]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CONSUMER, *arguments, env=env
    )
    try:
        assert await asyncio.wait_for(process.wait(), 30) == -signal.SIGKILL
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    done_before_the_kill = await tally.heard()
    assert bool(done_before_the_kill) == (failpoint == "consume.after_batch")
    async with running(tally):

        async def all_heard() -> bool:
            return len(await tally.heard()) >= len(names)

        await eventually(all_heard, 30)
        await tally.publish(record(tally.event("the last")))

        async def last_heard() -> bool:
            return "the last" in await tally.heard()

        await eventually(last_heard)
    assert await tally.heard() == [*names, "the last"]
    assert await tally.dead_letters() == []
