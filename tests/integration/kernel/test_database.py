"""What a lost connection is called, whenever it is noticed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest

from deploy.local.postgres import ServiceDatabase
from shared.database import AWAY, connect


@asynccontextmanager
async def through_a_proxy(dsn: str) -> AsyncIterator[tuple[str, asyncio.Event]]:
    """The DSN by way of a proxy that keeps lines to clients open when the server closes them; the event:
    the server has closed one."""
    parts, closed = urlsplit(dsn), asyncio.Event()

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inside, outside = await asyncio.open_connection(parts.hostname, parts.port)
        answers = asyncio.create_task(_pump(inside, writer))
        answers.add_done_callback(lambda _: closed.set())
        await _pump(reader, outside)
        outside.close()
        await answers
        writer.close()

    server = await asyncio.start_server(served, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    place = f"{parts.username}:{parts.password}@127.0.0.1:{port}"
    try:
        yield parts._replace(netloc=place).geturl(), closed
    finally:
        server.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()


async def test_a_server_that_said_goodbye_to_an_idle_connection_is_away(
    bare_database: ServiceDatabase,
) -> None:
    """Between the server's last word and the end of the line, a request finds the database away (503)."""
    async with through_a_proxy(bare_database.runtime_dsn) as (dsn, closed):
        db = await connect(dsn, min_size=1, max_size=1)
        async with db.transaction(uuid4()) as conn:
            pid = await conn.fetchval("SELECT pg_backend_pid()")
        other = await asyncpg.connect(bare_database.runtime_dsn)
        assert await other.fetchval("SELECT pg_terminate_backend($1)", pid)
        await other.close()
        await asyncio.wait_for(closed.wait(), 5)
        with pytest.raises(AWAY):
            async with db.transaction(uuid4()):
                pass
        db.pool.terminate()
        db.everywhere.terminate()
