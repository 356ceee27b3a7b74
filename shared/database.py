"""PostgreSQL: a pool, and transactions that say whose rows they touch.

Every tenant table has forced row-level security on `app.company_id`; a transaction names one
company, or says in plain sight that it works across companies (consumers, relays, workers).
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
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
    asyncpg.InternalClientError,  # the server said that it goes, and the line isn't closed yet
    asyncpg.PostgresConnectionError,  # class 08
    asyncpg.InvalidAuthorizationSpecificationError,  # 28: a password that was changed
    asyncpg.InsufficientResourcesError,  # 53: disk, memory, connections
    asyncpg.OperatorInterventionError,  # 57: shut down, starting, a statement cancelled
    asyncpg.PostgresSystemError,  # 58: input and output
    asyncpg.InternalServerError,  # XX
    asyncpg.ReadOnlySQLTransactionError,
)
"""Our own database is away or overloaded: nobody's fault but ours, retried for ever, counted as nothing."""

TRANSIENT = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.LockNotAvailableError,
)

AWAY = (*UNAVAILABLE, *TRANSIENT)
"""What the same statement may well survive, later or at once."""


class Database:
    """One service's database: `pool` for requests, `everywhere` for work across companies."""

    def __init__(self, pool: "Pool", everywhere: "Pool") -> None:
        self.pool, self.everywhere = pool, everywhere

    @asynccontextmanager
    async def transaction(self, company_id: UUID) -> AsyncIterator["Connection"]:
        """A transaction that sees and writes the rows of one company only."""
        async with self.pool.acquire() as conn, conn.transaction():
            await conn.execute("SELECT set_config('app.company_id', $1, true)", str(company_id))
            yield conn

    @asynccontextmanager
    async def system_transaction(self) -> AsyncIterator["Connection"]:
        """A transaction across companies: for consumers, workers and projections, never for a request."""
        async with self.everywhere.acquire() as conn, conn.transaction():
            yield conn

    @asynccontextmanager
    async def system_statement(self) -> AsyncIterator["Connection"]:
        """Like `system_transaction`, for one statement, which is a transaction by itself."""
        async with self.everywhere.acquire() as conn:
            yield conn

    async def close(self) -> None:
        """End the pools; waits 5 s for what is running, then cuts it."""
        await asyncio.gather(_close(self.pool), _close(self.everywhere))


async def _close(pool: "Pool") -> None:
    try:
        await asyncio.wait_for(pool.close(), 5)
    except TimeoutError:
        pool.terminate()


async def prepare_connection(conn: "Connection") -> None:
    """Codecs: `jsonb` as Python objects."""
    await conn.set_type_codec("jsonb", encoder=_dumps, decoder=json.loads, schema="pg_catalog")


async def _prepare_everywhere(conn: "Connection") -> None:
    await prepare_connection(conn)
    await conn.execute("SELECT set_config('app.company_id', $1, false)", EVERY_COMPANY)


async def _nothing_to_reset(conn: "Connection") -> None:
    """What we set ends with its transaction, and locks are those of transactions: a connection goes
    back as it came, without asyncpg's round trip of resets."""


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


async def connect(
    url: str, *, min_size: int = 1, max_size: int = 10, max_everywhere: int | None = None
) -> Database:
    """Open the pools; raises one of UNAVAILABLE while PostgreSQL isn't there. A process that
    answers no requests gives `min_size=0`: it needs only the other pool."""
    pool = await _pool(url, prepare_connection, min_size, max_size)
    try:
        room = max_everywhere or max(4, max_size // 2)
        return Database(pool, await _pool(url, _prepare_everywhere, 1, room))
    except BaseException:
        pool.terminate()
        raise


async def _pool(
    url: str, prepare: Callable[[Any], Coroutine[Any, Any, None]], min_size: int, max_size: int
) -> "Pool":
    return await asyncpg.create_pool(
        url,
        min_size=min_size,
        max_size=max_size,
        init=prepare,
        reset=_nothing_to_reset,
        command_timeout=30,
        timeout=5,
        server_settings={"jit": "off"},
    )


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
