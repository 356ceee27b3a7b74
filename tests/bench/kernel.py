"""The relay's drain and the projections' pace, on a real database and each broker."""

import asyncio
import os
import tempfile
import time
from pathlib import Path
from uuid import uuid4

from deploy.local import broker as brokers
from deploy.local import postgres
from shared import outbox
from shared.access.projection import listen_to_identity
from shared.bus import Bus
from shared.contracts.identity import Address, Company, CompanyChanged
from shared.contracts.registry import published_by
from shared.database import connect
from shared.dead_letters import DeadLetters
from shared.events import Actor
from shared.messaging import BatchRunner, Consumers
from shared.migrate import migrate
from shared.relay import Relay
from shared.topics import dead_letter_topic, ensure_topics, retry_topic
from tests.bench.table import Row
from tests.services import eventually, kafka_settings


async def measures(kind: str, count: int) -> list[Row]:
    """Events a second out of an outbox, and into a projection."""
    with tempfile.TemporaryDirectory(prefix="facteur-bench-") as name:
        folder = Path(name)
        os.chmod(folder, 0o755)  # noqa: PTH101, S103 — PostgreSQL runs as another user
        server = postgres.start_server(folder / "postgres")
        broker = brokers.start_broker(folder, forced=kind)
        try:
            return await _measured(kind, server, broker, count)
        finally:
            broker.stop()
            server.stop()


async def _measured(
    kind: str, server: postgres.PostgresServer, broker: brokers.Broker, count: int
) -> list[Row]:
    database = await postgres.ensure_service_database(server.cluster, "portal")
    await migrate(database.owner_dsn, database.runtime_dsn, "portal")
    db, kafka = await connect(database.runtime_dsn, max_size=8), kafka_settings(broker)
    consumers = Consumers("bench")
    listen_to_identity(consumers)
    names = [dead_letter_topic("bench"), retry_topic("bench")]
    await ensure_topics(kafka, published_by("identity"), names)
    actor = Actor(kind="system", id="bench")
    async with db.system_transaction() as conn:
        for number in range(count):
            company = Company(name=f"Société {number}", address=Address(country="FR"))
            event = CompanyChanged(
                company_id=uuid4(), kind="company", firm_id=None, company=company,
                missing_legal_fields=[],
            )  # fmt: skip
            await outbox.append(conn, event, actor=actor, aggregate_version=1)
    relay = Relay(database.runtime_dsn, kafka)
    began = time.perf_counter()
    task = asyncio.create_task(relay.run())

    async def drained() -> bool:
        return relay.published >= count

    await eventually(drained, 60, 0.005)
    drain = time.perf_counter() - began
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    bus, letters = Bus(consumers, kafka), DeadLetters("bench", kafka)
    bus.subscribe(BatchRunner(consumers, db, letters))
    await bus.start()

    async def known() -> int:
        found: int = await db.pool.fetchval("SELECT count(*) FROM access.companies")
        return found

    await eventually(known, 60, 0.005)
    first, began = await known(), time.perf_counter()

    async def projected() -> bool:
        return await known() == count

    await eventually(projected, 60, 0.005)
    pace = (count - first) / (time.perf_counter() - began)
    await bus.stop()
    await letters.close()
    await db.close()
    return [
        Row(f"relay drains an outbox of {count}", kind, f"{count / drain:.0f} events/s"),
        Row(f"projection of {count} events in batches", kind, f"{pace:.0f} events/s"),
    ]
