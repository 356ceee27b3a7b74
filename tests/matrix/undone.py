"""A database whose changes are undone after each request: one connection, one transaction around
everything, in which a service's own transactions are savepoints. Real SQL, nothing kept."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import asyncpg

from shared.database import EVERY_COMPANY, Database, prepare_connection


@dataclass
class Level:
    """What is undone together. It begins in the database when somebody first asks for something: most
    requests never reach most databases."""

    around: Any = None
    events: int | None = None
    """How many stand in the outbox as this level is now; None: not counted since it was last used."""


@dataclass
class OneConnection:
    """What a service takes for its pool."""

    database: "UndoneDatabase"
    scope: str

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        me, database = asyncio.current_task(), self.database
        if database.holder is me:
            yield database.conn
            return
        async with database.lock:
            database.holder = me
            try:
                await database.ready()
                await database.conn.execute(
                    "SELECT set_config('app.company_id', $1, false)", self.scope
                )
                yield database.conn
            finally:
                database.holder = None

    async def fetchval(self, sql: str, *values: Any) -> Any:
        async with self.acquire() as conn:
            return await conn.fetchval(sql, *values)


class UndoneDatabase(Database):
    """Between `begin` and `undo` stands what is tried; a task takes turns with the one connection,
    and may take it again while it has it."""

    def __init__(self, conn: "asyncpg.Connection[asyncpg.Record]") -> None:
        self.conn = conn
        self.lock = asyncio.Lock()
        self.holder: asyncio.Task[Any] | None = None
        pool: Any = OneConnection(self, "")
        everywhere: Any = OneConnection(self, EVERY_COMPANY)
        self.pool, self.everywhere = pool, everywhere
        self._levels = [Level()]

    async def begin(self) -> None:
        """May be called within another: then a savepoint."""
        self._levels.append(Level())

    async def undo(self) -> None:
        level = self._levels.pop()
        if level.around is not None:
            await level.around.rollback()

    async def ready(self) -> None:
        """The levels that were only announced begin."""
        for outer, level in pairwise(self._levels):
            if level.around is None:
                outer.events = await self._events() if outer.events is None else outer.events
                level.around = self.conn.transaction()
                await level.around.start()
        self._levels[-1].events = None

    async def published(self) -> int:
        """How many events were written since the last `begin`."""
        if self._levels[-1].around is None:
            return 0
        return await self._events() - (self._levels[-2].events or 0)

    async def _events(self) -> int:
        return int(await self.conn.fetchval("SELECT count(*) FROM outbox"))

    async def close(self) -> None:
        await self.conn.close()


async def undone(url: str) -> UndoneDatabase:
    conn = await asyncpg.connect(url, server_settings={"jit": "off"})
    await prepare_connection(conn)
    return UndoneDatabase(conn)
