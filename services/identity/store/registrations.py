"""Sign-ups that wait for a confirmation."""

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


async def keep(
    conn: Connection, row: RegistrationRow, secret_hash: bytes, now: datetime, not_after: datetime
) -> bool:
    """In the place of an older one of the same address; False when that one is too young."""
    done = await conn.execute(
        "INSERT INTO registration (registration_id, email, secret_hash, sealed, asked_at, expires_at) "
        "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (lower(email)) DO UPDATE "
        "SET registration_id = EXCLUDED.registration_id, email = EXCLUDED.email, "
        "    secret_hash = EXCLUDED.secret_hash, sealed = EXCLUDED.sealed, "
        "    asked_at = EXCLUDED.asked_at, expires_at = EXCLUDED.expires_at "
        "WHERE registration.asked_at <= $7",
        row.registration_id,
        row.email,
        secret_hash,
        row.sealed,
        now,
        row.expires_at,
        not_after,
    )
    return done == "INSERT 0 1"


async def take(conn: Connection, secret_hash: bytes, now: datetime) -> RegistrationRow | None:
    """Use it up; None when there is none, it was used or it expired."""
    record = await conn.fetchrow(
        "DELETE FROM registration WHERE secret_hash = $1 AND expires_at > $2 "
        "RETURNING registration_id, email, sealed, expires_at",
        secret_hash,
        now,
    )
    return RegistrationRow(**record) if record else None


async def forget(conn: Connection, now: datetime) -> None:
    """Those that nobody confirmed."""
    await conn.execute("DELETE FROM registration WHERE expires_at <= $1", now)
