"""The service is killed between every two steps of an issue, as a process of its own."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from deploy.local.broker import Broker
from shared.database import Database, connect
from tests.conftest import DatabaseFactory
from tests.integration.alone import Process, World, started
from tests.integration.billing.conftest import Billing
from tests.services import eventually

pytestmark = pytest.mark.kafka

FAILPOINTS = (
    "issue.after_number",
    "issue.after_insert",
    "issue.before_commit",
    "issue.after_commit",
)


async def test_a_kill_at_any_step_leaves_no_gap_no_half_and_nothing_twice(
    new_database: DatabaseFactory, kafka_broker: Broker
) -> None:
    database = await new_database("billing")
    runtime, world = await connect(database.runtime_dsn, max_size=2), World()
    await world.publish_key(runtime)
    caller = await world.biller(runtime)
    waiting: str | None = None
    issued: list[dict[str, Any]] = []
    # each process first finishes what killed the one before it, then is killed itself, one step later
    for nth, place in enumerate([*FAILPOINTS, ""]):
        armed = {"FACTEUR_FAILPOINT": f"{place}:{min(nth, 1) + 1}"} if place else {}
        async with AsyncExitStack() as stack:
            process: Process = await stack.enter_async_context(
                started("billing", database, kafka_broker, **armed)
            )
            client = await stack.enter_async_context(
                httpx.AsyncClient(base_url=process.url, timeout=30)
            )
            billing = Billing(
                client, None, database, runtime, runtime, world, caller, caller  # type: ignore[arg-type]
            )  # fmt: skip
            if waiting is not None:
                again = await billing.issue(waiting)
                known = place == "" and again.status_code == 200
                assert known or again.status_code == 201, (place, again.text)
                issued.append(again.json())
            if place:
                waiting = await billing.draft(await billing.customer())
                with pytest.raises(httpx.TransportError):
                    await billing.issue(waiting)
                assert await process.ended() == -9
    await asyncio.gather(_no_gap(runtime, issued), _each_told_once(runtime, len(FAILPOINTS)))
    await runtime.close()


async def _no_gap(db: Database, issued: list[dict[str, Any]]) -> None:
    assert [i["number"] for i in issued] == [f"F-{n:06d}" for n in range(1, len(issued) + 1)]
    async with db.system_transaction() as conn:
        rows = await conn.fetch("SELECT invoice_id::text, number FROM invoice ORDER BY sequence")
        halves = await conn.fetchval(
            "SELECT count(*) FROM invoice i LEFT JOIN draft d USING (invoice_id) "
            "LEFT JOIN rendering r USING (invoice_id) WHERE d.draft_id IS NULL OR r.invoice_id IS NULL"
        )
    assert [(i["invoice_id"], i["number"]) for i in issued] == [tuple(row) for row in rows]
    assert halves == 0


async def _each_told_once(db: Database, expected: int) -> None:
    counts = await db.pool.fetch(
        "SELECT key, count(*) AS n FROM outbox WHERE topic = 'invoice.issued' GROUP BY key"
    )
    assert [row["n"] for row in counts] == [1] * expected


async def test_a_kill_while_rendering_gives_one_pdf_told_once(
    new_database: DatabaseFactory, kafka_broker: Broker
) -> None:
    database = await new_database("billing")
    runtime, world = await connect(database.runtime_dsn, max_size=2), World()
    await world.publish_key(runtime)
    caller = await world.biller(runtime)
    async with started(
        "billing", database, kafka_broker, FACTEUR_FAILPOINT="render.before_store"
    ) as process:
        async with httpx.AsyncClient(base_url=process.url, timeout=30) as client:
            billing = Billing(
                client, None, database, runtime, runtime, world, caller, caller  # type: ignore[arg-type]
            )  # fmt: skip
            answer = await billing.issue(await billing.draft(await billing.customer()))
            assert answer.status_code == 201
        assert await process.ended(60) == -9
    async with runtime.system_transaction() as conn:
        # the lease of the process that died ends now, not in twenty seconds
        await conn.execute("UPDATE rendering SET next_attempt_at = now()")
    async with started("billing", database, kafka_broker):

        async def rendered() -> bool:
            async with runtime.system_transaction() as conn:
                return bool(await conn.fetchval("SELECT count(pdf) = 1 FROM rendering"))

        await eventually(rendered, 30)
    told = "SELECT count(*) FROM outbox WHERE topic = 'invoice.rendered'"
    assert await runtime.pool.fetchval(told) == 1
    await runtime.close()
