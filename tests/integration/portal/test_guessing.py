"""Guesses through the portal lock out whoever guesses, and nobody else."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from deploy.local.broker import Broker
from tests.conftest import DatabaseFactory
from tests.platform import PASSWORD, Platform, platform


@pytest.fixture
async def running(
    new_database: DatabaseFactory, kafka_broker: Broker, tmp_path: Path
) -> AsyncIterator[Platform]:
    async with platform(new_database, kafka_broker, tmp_path) as found:
        yield found


async def sign_in(running: Platform, email: str, password: str, address: str) -> int:
    """The status of a sign-in through the portal's page, by a client at that address."""
    origin = running.urls["portal"].rstrip("/")
    headers = {"Origin": origin, "X-Forwarded-For": address}
    async with httpx.AsyncClient(base_url=origin, timeout=30) as client:
        form = {"email": email, "password": password, "next": "/"}
        return (await client.post("/sign-in", data=form, headers=headers)).status_code


async def test_an_attacker_waits_and_the_others_sign_in(running: Platform) -> None:
    firm = await running.firm()
    guesses = [
        await sign_in(running, f"u{n}@example.org", "guess", "203.0.113.9") for n in range(22)
    ]
    assert guesses == [401] * 20 + [429] * 2
    assert await sign_in(running, firm.email, PASSWORD, "198.51.100.4") == 303
