"""PostgreSQL: a pool, and transactions that say whose rows they touch.

Every tenant table has forced row-level security on `app.company_id`; a transaction names one
company, or says in plain sight that it works across companies (consumers, relays, workers).
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg

if TYPE_CHECKING:
    Record = asyncpg.Record
    Pool = asyncpg.Pool[asyncpg.Record]
    Connection = (
        asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
    )
else:
    Record, Pool, Connection = asyncpg.Record, asyncpg.Pool, asyncpg.Connection

log = logging.getLogger(__name__)

EVERY_COMPANY = "*"

UNAVAILABLE = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
)
"""Our own database is away or overloaded: nobody's fault but ours, retried for ever, counted as nothing."""

TRANSIENT = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.LockNotAvailableError,
)


class Database:
    """One service's database."""

    def __init__(self, pool: "Pool") -> None:
        self.pool = pool

    @asynccontextmanager
    async def transaction(self, company_id: UUID) -> AsyncIterator["Connection"]:
        """A transaction that sees and writes the rows of one company only."""
        async with self._scoped(str(company_id)) as conn:
            yield conn

    @asynccontextmanager
    async def system_transaction(self) -> AsyncIterator["Connection"]:
        """A transaction across companies: for consumers, workers and projections, never for a request."""
        async with self._scoped(EVERY_COMPANY) as conn:
            yield conn

    @asynccontextmanager
    async def _scoped(self, scope: str) -> AsyncIterator["Connection"]:
        async with self.pool.acquire() as conn, conn.transaction():
            await conn.execute("SELECT set_config('app.company_id', $1, true)", scope)
            yield conn

    async def close(self) -> None:
        """End the pool; waits 5 s for what is running, then cuts it."""
        try:
            await asyncio.wait_for(self.pool.close(), 5)
        except TimeoutError:
            self.pool.terminate()


async def prepare_connection(conn: "Connection") -> None:
    """Codecs: `jsonb` as Python objects."""
    await conn.set_type_codec("jsonb", encoder=_dumps, decoder=json.loads, schema="pg_catalog")


async def _nothing_to_reset(conn: "Connection") -> None:
    """What we set ends with its transaction, and locks are those of transactions: a connection goes
    back as it came, without asyncpg's round trip of resets."""


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


async def connect(url: str, *, min_size: int = 1, max_size: int = 10) -> Database:
    """Open the pool; raises one of UNAVAILABLE while PostgreSQL isn't there."""
    pool = await asyncpg.create_pool(
        url,
        min_size=min_size,
        max_size=max_size,
        init=prepare_connection,
        reset=_nothing_to_reset,
        command_timeout=30,
        timeout=5,
        server_settings={"jit": "off"},
    )
    return Database(pool)


async def connect_when_there(url: str, **sizes: int) -> Database:
    """Open the pool as soon as PostgreSQL answers, however long that takes."""
    delay = 0.1
    while True:
        try:
            return await connect(url, **sizes)
        except UNAVAILABLE as error:
            log.warning("database not there yet: %s", type(error).__name__)
        await asyncio.sleep(delay)
        delay = min(delay * 2, 2.0)
