"""A database whose changes are undone after each request: one connection, one transaction around
everything, in which a service's own transactions are savepoints. Real SQL, nothing kept."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from uuid import UUID

import asyncpg

from shared.database import EVERY_COMPANY, Connection, Database, prepare_connection


@dataclass
class Level:
    """What is undone together. It begins in the database when somebody first asks for something: most
    requests never reach most databases."""

    around: Any = None
    scope: str | None = None
    """Whose rows were seen when it began; None: nobody knows."""
    events: int | None = None
    """How many stand in the outbox as this level is now; None: not counted since it was last used."""


@dataclass
class OneConnection:
    """What a service takes for its pool."""

    database: "UndoneDatabase"
    scope: str

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        async with self.database.turn():
            await self.database.see(self.scope)
            yield self.database.conn

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
        self._scope: str | None = None

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        me = asyncio.current_task()
        if self.holder is me:
            yield
            return
        async with self.lock:
            self.holder = me
            try:
                await self._ready()
                yield
            finally:
                self.holder = None

    async def see(self, scope: str) -> None:
        """The rows of a company, of all, or none; a round trip only when it were others before."""
        if self._scope != scope:
            await self.conn.execute("SELECT set_config('app.company_id', $1, false)", scope)
            self._scope = scope

    @asynccontextmanager
    async def transaction(self, company_id: UUID) -> AsyncIterator[Connection]:
        async with self._within(str(company_id)) as conn:
            yield conn

    @asynccontextmanager
    async def system_transaction(self) -> AsyncIterator[Connection]:
        async with self._within(EVERY_COMPANY) as conn:
            yield conn

    @asynccontextmanager
    async def _within(self, scope: str) -> AsyncIterator[Connection]:
        async with self.turn():
            await self.see(scope)
            try:
                async with self.conn.transaction():
                    yield self.conn
            except BaseException:
                self._scope = None  # went back to what it was, whatever that may be
                raise

    async def begin(self) -> None:
        """May be called within another: then a savepoint."""
        self._levels.append(Level())

    async def undo(self) -> None:
        async with self.lock:  # a request that failed may have left something running
            level = self._levels.pop()
            if level.around is not None:
                await level.around.rollback()
                self._scope = level.scope

    async def _ready(self) -> None:
        """The levels that were only announced begin."""
        for outer, level in pairwise(self._levels):
            if level.around is None:
                outer.events = await self._events() if outer.events is None else outer.events
                level.around = self.conn.transaction()
                await level.around.start()
                level.scope = self._scope
        self._levels[-1].events = None

    async def published(self) -> int:
        """How many events were written since the last `begin`."""
        async with self.lock:
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
