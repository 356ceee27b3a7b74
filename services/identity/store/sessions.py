"""Sessions, failed sign-ins."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.database import Connection


@dataclass(frozen=True)
class SessionRow:
    session_id: UUID
    user_id: UUID
    expires_at: datetime
    second_factor_at: datetime | None = None


@dataclass(frozen=True)
class SessionLine:
    """A session as its person sees it."""

    session_id: UUID
    created_at: datetime
    seen_at: datetime | None
    address: str
    agent: str


MOST_WRONG_CODES = 5
"""Wrong codes that a session may see before it ends."""


async def add(
    conn: Connection, row: SessionRow, secret_hash: bytes, address: str, agent: str, now: datetime
) -> None:
    await conn.execute(
        "INSERT INTO session (session_id, user_id, secret_hash, created_at, expires_at, address, agent) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7)",
        row.session_id,
        row.user_id,
        secret_hash,
        now,
        row.expires_at,
        address,
        agent,
    )


async def by_secret(conn: Connection, secret_hash: bytes, now: datetime) -> SessionRow | None:
    record = await conn.fetchrow(
        "SELECT session_id, user_id, expires_at, second_factor_at FROM session "
        "WHERE secret_hash = $1 AND revoked_at IS NULL AND expires_at > $2",
        secret_hash,
        now,
    )
    return SessionRow(**record) if record else None


async def passed_second_factor(conn: Connection, session_id: UUID) -> bool:
    """Whether the session's second step was done."""
    found: bool | None = await conn.fetchval(
        "SELECT second_factor_at IS NOT NULL FROM session WHERE session_id = $1", session_id
    )
    return bool(found)


async def pass_second_factor(conn: Connection, session_id: UUID, now: datetime) -> None:
    await conn.execute(
        "UPDATE session SET second_factor_at = $2 WHERE session_id = $1", session_id, now
    )


async def failed_codes(conn: Connection, session_id: UUID) -> int:
    """Count one more wrong code of a session; returns how many there were."""
    count: int = await conn.fetchval(
        "UPDATE session SET wrong_codes = wrong_codes + 1 WHERE session_id = $1 RETURNING wrong_codes",
        session_id,
    )
    return count


async def open_ones(conn: Connection, user_id: UUID, now: datetime) -> list[SessionRow]:
    records = await conn.fetch(
        "SELECT session_id, user_id, expires_at, second_factor_at FROM session "
        "WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2",
        user_id,
        now,
    )
    return [SessionRow(**record) for record in records]


async def lines(conn: Connection, user_id: UUID, now: datetime) -> list[SessionLine]:
    """The open sessions of a person, the newest first."""
    records = await conn.fetch(
        "SELECT session_id, created_at, seen_at, address, agent FROM session "
        "WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2 ORDER BY created_at DESC",
        user_id,
        now,
    )
    return [SessionLine(**record) for record in records]


async def seen(conn: Connection, session_id: UUID, now: datetime) -> None:
    await conn.execute("UPDATE session SET seen_at = $2 WHERE session_id = $1", session_id, now)


async def revoke(conn: Connection, session_id: UUID, now: datetime) -> bool:
    done = await conn.execute(
        "UPDATE session SET revoked_at = $2 WHERE session_id = $1 AND revoked_at IS NULL",
        session_id,
        now,
    )
    return done == "UPDATE 1"


async def add_failure(conn: Connection, address: str, email_hash: bytes, now: datetime) -> None:
    await conn.execute(
        "INSERT INTO sign_in_failure (address, email_hash, failed_at) VALUES ($1, $2, $3)",
        address,
        email_hash,
        now,
    )


async def failures(conn: Connection, address: str, since: datetime) -> int:
    count: int = await conn.fetchval(
        "SELECT count(*) FROM sign_in_failure WHERE address = $1 AND failed_at > $2", address, since
    )
    return count


async def failures_of_account(conn: Connection, email_hash: bytes, since: datetime) -> int:
    count: int = await conn.fetchval(
        "SELECT count(*) FROM sign_in_failure WHERE email_hash = $1 AND failed_at > $2",
        email_hash,
        since,
    )
    return count


async def knows_address(conn: Connection, user_id: UUID, address: str) -> bool:
    found: bool = await conn.fetchval(
        "SELECT EXISTS (SELECT FROM known_address WHERE user_id = $1 AND address = $2)",
        user_id,
        address,
    )
    return found


async def remember_address(conn: Connection, user_id: UUID, address: str, now: datetime) -> None:
    await conn.execute(
        "INSERT INTO known_address (user_id, address, seen_at) VALUES ($1, $2, $3) "
        "ON CONFLICT (user_id, address) DO UPDATE SET seen_at = EXCLUDED.seen_at",
        user_id,
        address,
        now,
    )
