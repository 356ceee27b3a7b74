"""What a service says of itself while its broker doesn't answer."""

import os
import signal
from collections.abc import Callable

import httpx
import pytest

from deploy.local.broker import Broker
from services.portal.app import create_app
from services.portal.settings import PortalSettings
from tests.conftest import DatabaseFactory
from tests.services import eventually, kafka_settings, served

pytestmark = pytest.mark.kafka


async def test_a_service_whose_lanes_hear_nothing_from_the_broker_says_so_and_is_ready_again_after(
    new_database: DatabaseFactory, own_kafka: Callable[..., Broker]
) -> None:
    broker, database = own_kafka(), await new_database("portal")
    app = create_app(PortalSettings(database_url=database.runtime_dsn), kafka_settings(broker))
    app.state.service.stale_poll_seconds = 2.0
    async with served(app) as client:
        os.kill(broker.pid, signal.SIGSTOP)
        try:
            found = await eventually(lambda: _unready(client), 30)
        finally:
            os.kill(broker.pid, signal.SIGCONT)
        assert any("the lane access hasn't heard from the broker" in p for p in found), found
        assert (await client.get("/health/live")).status_code == 200
        await eventually(lambda: _ready(client), 30)


async def _unready(client: httpx.AsyncClient) -> list[str]:
    answer = await client.get("/health/ready")
    problems: list[str] = answer.json()["problems"]
    return problems if answer.status_code == 503 else []


async def _ready(client: httpx.AsyncClient) -> bool:
    return (await client.get("/health/ready")).status_code == 200
