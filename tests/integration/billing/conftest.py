"""Billing alone on a real database and broker, and callers of two companies."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from deploy.local import postgres
from deploy.local.broker import Broker
from deploy.local.postgres import PostgresServer, ServiceDatabase
from services.billing.app import create_app
from services.billing.settings import BillingSettings
from shared.database import Database, connect
from tests.conftest import DatabaseFactory
from tests.integration.alone import Caller, World
from tests.platform import BUYER, LINE
from tests.services import kafka_settings, served


@dataclass
class Billing:
    """The running service and how tests act on it."""

    client: httpx.AsyncClient
    app: FastAPI
    database: ServiceDatabase
    owner: Database
    runtime: Database
    world: World
    caller: Caller
    other: Caller

    async def customer(self, caller: Caller | None = None, **changed: Any) -> str:
        customer_id = str(uuid4())
        made = await self.client.put(
            f"/v1/customers/{customer_id}", json={**BUYER, **changed},
            headers=(caller or self.caller).headers,
        )  # fmt: skip
        assert made.status_code == 200, made.text
        return customer_id

    async def draft(self, customer_id: str, caller: Caller | None = None, **changed: Any) -> str:
        content = {"due_date": "2027-01-31", "lines": [LINE], "buyer_reference": "PO 7"}
        body = {
            "customer_id": customer_id,
            "content": content | changed.pop("content", {}),
            **changed,
        }
        made = await self.client.post(
            "/v1/drafts", json=body, headers=(caller or self.caller).headers
        )
        assert made.status_code == 201, made.text
        return str(made.json()["draft_id"])

    async def issue(self, draft_id: str, caller: Caller | None = None) -> httpx.Response:
        return await self.client.post(
            f"/v1/drafts/{draft_id}/issue", headers=(caller or self.caller).headers, timeout=60
        )

    async def series(self, prefix: str, last_number: int, width: int = 1) -> str:
        made = await self.client.post(
            "/v1/series", headers=self.caller.headers,
            json={"prefix": prefix, "width": width, "last_number": last_number},
        )  # fmt: skip
        assert made.status_code == 201, made.text
        return str(made.json()["series_id"])

    async def announced(self, topic: str = "invoice.issued") -> int:
        """How many events of a topic the callers' companies have caused."""
        companies = [str(self.caller.company_id), str(self.other.company_id)]
        found: int = await self.owner.pool.fetchval(
            "SELECT count(*) FROM outbox WHERE topic = $1 AND headers->>'ce_companyid' = ANY($2)",
            topic,
            companies,
        )
        return found


@pytest.fixture(scope="module")
async def running(
    postgres_server: PostgresServer, migrated_template: DatabaseFactory, kafka_broker: Broker
) -> AsyncIterator[Billing]:
    """One service for a module's tests: loading the rules takes longer than all of them."""
    template = await migrated_template("billing")
    database = await postgres.clone(postgres_server.cluster, template, "billing_alone")
    runtime = await connect(database.runtime_dsn, max_size=2)
    owner = await connect(database.owner_dsn, max_size=2)
    world = World()
    await world.publish_key(runtime)
    caller = await world.biller(runtime)
    app = create_app(
        BillingSettings(database_url=database.runtime_dsn), kafka_settings(kafka_broker)
    )
    async with served(app) as client:
        yield Billing(client, app, database, owner, runtime, world, caller, caller)
    await runtime.close()
    await owner.close()
    await postgres.drop(postgres_server.cluster, "billing_alone")


@pytest.fixture
async def billing(running: Billing) -> Billing:
    """The running service, with two companies of the test's own."""
    caller, other = (
        await running.world.biller(running.runtime),
        await running.world.biller(running.runtime),
    )
    return replace(running, caller=caller, other=other)
