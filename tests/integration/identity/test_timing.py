"""What anybody may ask for takes as long for addresses that have an account as for others.

Pairs, one right after the other and in turns, so that a busy machine slows both alike; each address
is asked for once, and each question comes from a network of its own. What is too little for a clock
to tell is held without one: the same statements and hashes run whoever is asked for.
"""

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import uuid4

import pytest

from services.identity.store import users
from services.identity.store.users import UserRow
from shared.database import connect
from shared.ids import new_id
from tests.integration.identity.conftest import LEGAL, Identity

PAIRS = 40


async def accounts(identity: Identity) -> list[str]:
    """Addresses that have one."""
    emails = [f"{uuid4().hex}@example.org" for _ in range(PAIRS)]
    db = await connect(identity.database.runtime_dsn, max_size=1)
    async with db.system_transaction() as conn:
        for email in emails:
            person = UserRow(new_id(), email, "Odile", "Martin", "fr", "a hash")
            await users.add_user(conn, person, datetime.now(UTC))
    await db.close()
    return emails


def sign_up(email: str) -> dict[str, Any]:
    return {
        "kind": "company",
        "company": LEGAL,
        "email": email,
        "first_name": "A",
        "last_name": "B",
    }


def forgotten(email: str) -> dict[str, Any]:
    return {"email": email}


@pytest.mark.parametrize(
    ("path", "body"), [("/v1/registrations", sign_up), ("/v1/password-resets", forgotten)]
)
async def test_who_has_an_account_shows_in_no_time(
    identity: Identity, path: str, body: Callable[[str], dict[str, Any]]
) -> None:
    networks = (f"100.{64 + n // 250}.{n % 250}.{len(path)}" for n in count(250 * len(path)))

    async def taken(email: str) -> float:
        began = time.perf_counter()
        answer = await identity.ask(path, body(email), next(networks))
        assert answer.status_code == 202, answer.text
        return time.perf_counter() - began

    for _ in range(4):
        await taken(f"{uuid4().hex}@example.org")
    ratios = []
    for turn, known in enumerate(await accounts(identity)):
        pair = [(known, "known"), (f"{uuid4().hex}@example.org", "unknown")]
        times = {who: await taken(email) for email, who in (pair if turn % 2 else pair[::-1])}
        ratios.append(times["unknown"] / times["known"])
    assert 0.7 < statistics.median(ratios) < 1.4, sorted(ratios)
