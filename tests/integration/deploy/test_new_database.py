"""Each test gets a migrated database of its own, in which the service's role can work."""

import asyncpg

from tests.conftest import DatabaseFactory


async def test_clones_are_migrated_and_apart(new_database: DatabaseFactory) -> None:
    one, two = await new_database("identity"), await new_database("identity")
    assert one.name != two.name
    for database in (one, two):
        runtime = await asyncpg.connect(database.runtime_dsn)
        assert await runtime.fetchval("SELECT count(*) FROM outbox") == 0
        await runtime.close()
