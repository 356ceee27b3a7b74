"""The platform, and somebody who presses the portal's buttons over HTTP."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.local.broker import Broker
from tests.conftest import DatabaseFactory
from tests.platform import Person, Platform, platform


@pytest.fixture
async def running(
    new_database: DatabaseFactory, kafka_broker: Broker, tmp_path: Path
) -> AsyncIterator[Platform]:
    async with platform(new_database, kafka_broker, tmp_path) as found:
        yield found


@dataclass
class Pages:
    """The portal's pages with the cookies of a person who is signed in."""

    client: httpx.AsyncClient
    person: Person

    async def get(self, path: str) -> httpx.Response:
        return await self.client.get(path)

    async def form(self) -> dict[str, Any]:
        """The hidden fields that every form of this session carries."""
        page = (await self.client.get("/me")).text
        token = re.search(r'name="_form" value="([0-9a-f]+)"', page)
        assert token
        return {"_form": token.group(1), "_company": str(self.person.company_id)}

    async def post(self, path: str, **fields: Any) -> httpx.Response:
        return await self.client.post(path, data={**await self.form(), **fields})


async def pages_of(running: Platform, person: Person) -> Pages:
    """Sign in with the session and the token that the person has already."""
    base = running.urls["portal"]
    cookies = {
        "facteur_session": person.session,
        "facteur_token": person.token,
        "facteur_lang": "en",
    }
    client = httpx.AsyncClient(base_url=base, cookies=cookies, headers={"Origin": base}, timeout=20)
    running.stack.push_async_callback(client.aclose)
    return Pages(client, person)
