"""One stage for the whole suite; what a test changes is undone after it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest

from deploy.local import postgres
from tests.conftest import DatabaseFactory
from tests.matrix.asgi import Answer, request
from tests.matrix.people import Cast, Person
from tests.matrix.platform import PAGES
from tests.matrix.stage import staged


@pytest.fixture(scope="session")
async def stage(
    postgres_server: postgres.PostgresServer,
    migrated_template: DatabaseFactory,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Cast]:
    folder = tmp_path_factory.mktemp("adversarial")
    async with staged(postgres_server, migrated_template, "adversarial", folder) as found:
        yield found


@dataclass
class World:
    """The stage, and the ways an attacker talks to it."""

    cast: Cast

    def person(self, name: str) -> Person:
        return self.cast.people[name]

    def things(self, name: str = "owner") -> dict[str, str]:
        return self.cast.things[name]

    @property
    def apps(self) -> dict[str, Any]:
        return self.cast.app.apps

    async def api(
        self, service: str, method: str, path: str, by: Person | str, body: Any = None
    ) -> Answer:
        authorization = by.bearer if isinstance(by, Person) else by
        return await self.cast.app.ask(service, method, path, authorization, body)

    async def page(
        self,
        method: str,
        path: str,
        by: Person | None = None,
        fields: dict[str, str] | None = None,
        **headers: str,
    ) -> Answer:
        """As a browser would: cookies, and for a form where it comes from (unless said otherwise)."""
        cookies = {}
        if by is not None:
            cookies = {"facteur_session": by.session, "facteur_token": by.token}
        sent = {"cookie": "; ".join(f"{n}={v}" for n, v in cookies.items() if v)}
        body = b""
        if method == "POST":
            sent |= {"origin": PAGES, "content-type": "application/x-www-form-urlencoded"}
            body = urlencode(fields or {}).encode()
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {name: value for name, value in sent.items() if value}
        return await request(self.apps["portal"], method, path, sent, body)

    def form(self, by: Person) -> dict[str, str]:
        """The hidden fields of this person's forms."""
        return dict(pair.split("=", 1) for pair in by.form.split("&"))

    async def written(self) -> int:
        """Events in all outboxes."""
        total = 0
        for database in self.cast.app.databases.values():
            async with database.system_transaction() as conn:
                total += await conn.fetchval("SELECT count(*) FROM outbox")
        return total


@pytest.fixture
async def world(stage: Cast) -> AsyncIterator[World]:
    await stage.renew()
    databases = stage.app.databases.values()
    for database in databases:
        await database.begin()
    yield World(stage)
    for database in databases:
        await database.undo()
