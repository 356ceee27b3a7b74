"""Sign-ups that wait for a confirmation, and how many were asked for from one network."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.database import Connection


@dataclass(frozen=True)
class RegistrationRow:
    registration_id: UUID
    email: str
    sealed: bytes
    expires_at: datetime


async def hold(conn: Connection, email: str) -> None:
    """One sign-up of an address at a time."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended(lower($1), 7))", email)


async def waiting(conn: Connection, email: str, since: datetime) -> int:
    """How many sign-ups of an address were asked for."""
    count: int = await conn.fetchval(
        "SELECT count(*) FROM registration WHERE lower(email) = lower($1) AND asked_at > $2",
        email,
        since,
    )
    return count


async def keep(conn: Connection, row: RegistrationRow, secret_hash: bytes, now: datetime) -> None:
    await conn.execute(
        "INSERT INTO registration (registration_id, email, secret_hash, sealed, asked_at, expires_at) "
        "VALUES ($1, $2, $3, $4, $5, $6)",
        row.registration_id,
        row.email,
        secret_hash,
        row.sealed,
        now,
        row.expires_at,
    )


async def by_secret(conn: Connection, secret_hash: bytes, now: datetime) -> RegistrationRow | None:
    """Held; None when there is none, it was used or it expired."""
    record = await conn.fetchrow(
        "SELECT registration_id, email, sealed, expires_at FROM registration "
        "WHERE secret_hash = $1 AND expires_at > $2 FOR UPDATE",
        secret_hash,
        now,
    )
    return RegistrationRow(**record) if record else None


async def forget(conn: Connection, now: datetime) -> None:
    """Those that nobody confirmed."""
    await conn.execute("DELETE FROM registration WHERE expires_at <= $1", now)


async def forget_of(conn: Connection, email: str) -> None:
    """All of one address: it has an account now, or its person is erased."""
    await conn.execute("DELETE FROM registration WHERE lower(email) = lower($1)", email)


async def ask(conn: Connection, network: str, now: datetime) -> None:
    await conn.execute("INSERT INTO asked (network, asked_at) VALUES ($1, $2)", network, now)


async def asked(conn: Connection, network: str, since: datetime) -> int:
    count: int = await conn.fetchval(
        "SELECT count(*) FROM asked WHERE network = $1 AND asked_at > $2", network, since
    )
    return count


async def forget_asked(conn: Connection, until: datetime) -> None:
    await conn.execute("DELETE FROM asked WHERE asked_at <= $1", until)
