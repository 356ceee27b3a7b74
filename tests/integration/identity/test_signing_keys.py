"""Signing keys over the months: the next one is known before it signs, and the last one's tokens end well."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.identity.commands import keys
from services.identity.commands.keys import signing_key
from shared.access import store, tokens
from shared.database import Database, connect
from shared.secretbox import SecretBox, load_box
from tests.conftest import DatabaseFactory
from tests.services import master_key

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
async def db(new_database: DatabaseFactory) -> AsyncIterator[Database]:
    found = await connect((await new_database("identity")).runtime_dsn, max_size=2)
    yield found
    await found.close()


@pytest.fixture
def box(tmp_path: Path) -> SecretBox:
    return load_box(master_key(tmp_path))


async def signs(db: Database, box: SecretBox, when: datetime) -> str:
    """The key that signs at that time."""
    async with db.system_transaction() as conn:
        return str((await signing_key(conn, box, lambda: when)).key_id)


async def published(db: Database) -> dict[str, tuple[datetime, datetime]]:
    """Every key there is: since when, and until when it verifies."""
    rows = await db.pool.fetch("SELECT key_id, created_at, expires_at FROM signing_key")
    return {str(r["key_id"]): (r["created_at"], r["expires_at"]) for r in rows}


async def test_every_day_somebody_signs_in_and_no_token_is_refused_before_its_time(
    db: Database, box: SecretBox
) -> None:
    """For a hundred days, an hour apart: who signs is known to all, and verifies as long as a token lives."""
    used = set()
    first = await signs(db, box, BEGAN)
    for hour in range(1, 24 * 100):
        when = BEGAN + timedelta(hours=hour)
        key = await signs(db, box, when)
        known_since, until = (await published(db))[key]
        assert until >= when + tokens.LIFETIME, "a token outlives its key"
        assert key == first or known_since <= when - keys.SETTLES, "not every service knows it"
        used.add(key)
    assert len(used) == 4, "a key signs for a month"


async def test_a_token_of_a_key_s_last_minute_is_good_for_as_long_as_any(
    db: Database, box: SecretBox
) -> None:
    """Where nobody has signed in for a month, the old key signs until everybody knows the next one."""
    first = await signs(db, box, BEGAN)
    when = BEGAN + keys.SIGNS_FOR - timedelta(minutes=1)
    assert await signs(db, box, when) == first
    known = await published(db)
    assert len(known) == 2
    assert known[first][1] >= when + tokens.LIFETIME


async def test_a_key_that_has_just_been_made_doesnt_sign_yet(db: Database, box: SecretBox) -> None:
    first = await signs(db, box, BEGAN)
    async with db.system_transaction() as conn:
        made = str(await keys.rotate_signing_key(conn, box, lambda: BEGAN + timedelta(hours=1)))
    soon = BEGAN + timedelta(hours=1)
    assert await signs(db, box, soon + keys.SETTLES / 2) == first
    assert await signs(db, box, soon + keys.SETTLES) == made


async def test_a_key_is_announced_where_it_is_made_and_without_its_private_half(
    db: Database, box: SecretBox
) -> None:
    await signs(db, box, datetime.now(UTC))
    told = await db.pool.fetch(
        "SELECT convert_from(payload, 'UTF8') AS said FROM outbox WHERE topic = 'signing_key.published'"
    )
    public = [json.loads(json.loads(row["said"])["public_key"]) for row in told]
    assert [("x" in key, "d" in key) for key in public] == [(True, False)]
    async with db.system_transaction() as conn:
        assert len(await store.public_keys(conn)) == 1
