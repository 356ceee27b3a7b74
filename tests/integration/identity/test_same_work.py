"""What anybody may ask for does the same work before it answers, whoever it is about: the same statements
in the same order, and as many passwords hashed. So no clock, however fine, tells who has an account."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from services.identity.app import create_app
from services.identity.domain import passwords
from services.identity.settings import IdentitySettings
from services.identity.store import users
from services.identity.store.users import UserRow
from shared.ids import new_id
from shared.settings import KafkaSettings
from tests.conftest import DatabaseFactory
from tests.integration.identity.conftest import LEGAL, PASSWORD
from tests.matrix.asgi import request
from tests.matrix.undone import UndoneDatabase, undone
from tests.services import master_key

KNOWN = "odile@example.org"


@dataclass
class Alone:
    """Identity in this process, with a mail server that nobody asks; what it does is noted."""

    app: FastAPI
    database: UndoneDatabase
    done: list[str] = field(default_factory=list)
    """Statements, in their order."""
    hashed: int = 0
    """Passwords, by a thread of their own."""

    async def ask(self, path: str, body: dict[str, Any]) -> tuple[int, bytes, list[str], list[str]]:
        """The answer, what was done before it, and what after."""
        before: list[str] = []

        async def watched(scope: Any, receive: Any, send: Any) -> None:
            async def told(message: Any) -> None:
                if message["type"] == "http.response.start":
                    await asyncio.sleep(0)  # statements are noted at the loop's next round
                    before.extend(self.done)
                await send(message)

            await self.app(scope, receive, told)

        headers = {"content-type": "application/json"}
        await self.database.begin()
        async with self.database.system_transaction():
            pass  # what begins by itself has begun: the same for each
        await asyncio.sleep(0)
        self.done.clear()
        answer = await request(watched, "POST", path, headers, json.dumps(body).encode())
        await asyncio.sleep(0)
        after = self.done[len(before) :]
        await self.database.undo()
        said = json.loads(answer.body)
        said.pop("trace_id", None)
        return answer.status, json.dumps(said).encode(), before, after


@pytest.fixture
async def alone(
    new_database: DatabaseFactory, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Alone]:
    dsn = (await new_database("identity")).runtime_dsn
    settings = IdentitySettings(
        database_url=SecretStr(dsn), master_key_file=master_key(tmp_path),
        smtp={"host": "localhost", "port": 1, "sender": "facteur@localhost.example"},
    )  # fmt: skip
    app = create_app(settings, KafkaSettings())
    service = app.state.service
    database = service._database = await undone(dsn)
    service.stage = "ready"
    service.relay.last_round = time.monotonic() + 3600
    hashed = await passwords.hash_password(PASSWORD)
    async with database.system_transaction() as conn:
        for email, password in ((KNOWN, hashed), ("invited@example.org", None)):
            person = UserRow(new_id(), email, "Odile", "Martin", "fr", password)
            await users.add_user(conn, person, datetime.now(UTC))
    found = Alone(app, database)

    class Noting:
        def __init__(self, real: Any) -> None:
            self.real = real

        def verify(self, stored: str, given: str) -> bool:
            found.hashed += 1
            return bool(self.real.verify(stored, given))

        def hash(self, given: str) -> str:
            found.hashed += 1
            return str(self.real.hash(given))

    monkeypatch.setattr(passwords, "_hasher", Noting(passwords._hasher))
    database.conn.add_query_logger(
        lambda query: found.done.append(re.sub(r"savepoint_\w+", "savepoint", query.query))
    )
    yield found
    await database.close()


def sign_in(email: str) -> dict[str, Any]:
    return {"email": email, "password": "not this one at all"}


def sign_up(email: str) -> dict[str, Any]:
    return {"company": LEGAL, "email": email, "first_name": "A", "last_name": "B"}


def forgotten(email: str) -> dict[str, Any]:
    return {"email": email}


@pytest.mark.parametrize(
    ("path", "body", "hashes"),
    [
        ("/v1/sessions", sign_in, 1),
        ("/v1/registrations", sign_up, 0),
        ("/v1/password-resets", forgotten, 0),
    ],
)
async def test_the_same_is_done_for_whoever_it_is_about(
    alone: Alone, path: str, body: Any, hashes: int
) -> None:
    asked = (KNOWN, KNOWN.upper(), "invited@example.org", f"{uuid4().hex}@example.org")
    answers, hashed = [], []
    for email in asked:
        alone.hashed = 0
        answers.append(await alone.ask(path, body(email)))
        hashed.append(alone.hashed)
    assert hashed == [hashes] * len(asked)
    assert len({(status, said) for status, said, _, _ in answers}) == 1
    first = answers[0][2]
    assert len(first) >= 5
    for email, (_, _, before, _) in zip(asked, answers, strict=True):
        assert before == first, email


async def test_a_forgotten_password_is_looked_into_after_the_answer(alone: Alone) -> None:
    """The account, the link and the letter: none of them before."""
    _, _, before, after = await alone.ask("/v1/password-resets", forgotten(KNOWN))
    assert not [s for s in before if re.search("app_user|password_reset|outgoing_mail", s)]
    assert [s for s in after if "INSERT INTO outgoing_mail" in s]
    _, _, _, nothing = await alone.ask("/v1/password-resets", forgotten("nobody@example.org"))
    assert not [s for s in nothing if "outgoing_mail" in s]
