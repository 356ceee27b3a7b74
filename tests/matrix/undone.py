"""A database whose changes are undone after each request: one connection, one transaction around
everything, in which a service's own transactions are savepoints. Real SQL, nothing kept."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from shared.database import EVERY_COMPANY, Database, prepare_connection


@dataclass
class Turn:
    """Whose turn it is with the one connection; a task may take it again."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    holder: "asyncio.Task[Any] | None" = None


@dataclass
class OneConnection:
    """What a service takes for its pool."""

    conn: "asyncpg.Connection[asyncpg.Record]"
    scope: str
    turn: Turn

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        me = asyncio.current_task()
        if self.turn.holder is me:
            yield self.conn
            return
        async with self.turn.lock:
            self.turn.holder = me
            try:
                await self.conn.execute(
                    "SELECT set_config('app.company_id', $1, false)", self.scope
                )
                yield self.conn
            finally:
                self.turn.holder = None

    async def fetchval(self, sql: str, *values: Any) -> Any:
        async with self.acquire() as conn:
            return await conn.fetchval(sql, *values)


class UndoneDatabase(Database):
    """`keep` is False while requests are tried: then `begin` and `undo` stand around each."""

    def __init__(self, conn: "asyncpg.Connection[asyncpg.Record]") -> None:
        self.conn = conn
        turn = Turn()
        pool: Any = OneConnection(conn, "", turn)
        everywhere: Any = OneConnection(conn, EVERY_COMPANY, turn)
        self.pool, self.everywhere = pool, everywhere
        self._around: list[Any] = []

    async def begin(self) -> None:
        """May be called within another: then a savepoint."""
        around = self.conn.transaction()
        await around.start()
        self._around.append(around)

    async def undo(self) -> None:
        await self._around.pop().rollback()

    async def close(self) -> None:
        await self.conn.close()


async def undone(url: str) -> UndoneDatabase:
    conn = await asyncpg.connect(url, server_settings={"jit": "off"})
    await prepare_connection(conn)
    return UndoneDatabase(conn)
