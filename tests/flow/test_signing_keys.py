"""A new signing key refuses nobody: not who holds an older token, nor who gets the first by the new one."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from deploy.local.broker import Broker
from services.identity.commands import keys
from shared.access import tokens
from shared.clock import system_clock
from shared.database import connect
from shared.secretbox import load_box
from tests.conftest import DatabaseFactory
from tests.platform import Person, Platform, platform
from tests.services import master_key

ASKED = [("identity", "/v1/me"), ("billing", "/v1/customers"), ("delivery", "/v1/deliveries"),
         ("portal", "/api/v1/companies/{company}/audit")]  # fmt: skip


@pytest.fixture
async def running(
    new_database: DatabaseFactory, kafka_broker: Broker, tmp_path: Path
) -> AsyncIterator[Platform]:
    async with platform(new_database, kafka_broker, tmp_path) as found:
        yield found


async def rotate(running: Platform, folder: Path) -> str:
    db = await connect(running.databases["identity"].runtime_dsn, max_size=1)
    async with db.system_transaction() as conn:
        made = await keys.rotate_signing_key(conn, load_box(master_key(folder)), system_clock)
    await db.close()
    return str(made)


async def fresh_token(running: Platform, person: Person) -> str:
    async with httpx.AsyncClient(base_url=running.urls["identity"], timeout=20) as client:
        given = await client.post(
            "/v1/sessions/current/token",
            json={"company_id": str(person.company_id)},
            headers={"Authorization": f"Session {person.session}"},
        )
    assert given.status_code == 200, given.text
    return str(given.json()["access_token"])


async def test_a_new_signing_key_refuses_nobody(running: Platform, tmp_path: Path) -> None:
    person = await running.biller()
    old, answers, signed = person.token, Counter[int](), Counter[str]()

    async def ask(token: str) -> None:
        for service, path in ASKED:
            address = running.urls[service] + path.format(company=person.company_id)
            async with httpx.AsyncClient(timeout=20) as client:
                answer = await client.get(address, headers={"Authorization": f"Bearer {token}"})
            answers[answer.status_code] += 1

    made = await rotate(running, tmp_path)
    async with asyncio.timeout(4 * keys.SETTLES.total_seconds()):
        while not signed[made]:
            token = await fresh_token(running, person)
            signed[str(tokens.key_id_of(token))] += 1
            await asyncio.gather(ask(token), ask(old))
    assert len(signed) == 2, "the old one signs until the new one is known"
    assert set(answers) == {200}, answers
