"""Signing keys; the private half is sealed with the master key."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.database import Connection


@dataclass(frozen=True)
class KeyRow:
    key_id: UUID
    public_key: str
    private_key: bytes
    signs_until: datetime
    expires_at: datetime


async def signing(conn: Connection, now: datetime, settled: datetime) -> KeyRow | None:
    """The newest of those made before `settled`, else the oldest of all."""
    record = await conn.fetchrow(
        "SELECT key_id, public_key, private_key, signs_until, expires_at FROM signing_key "
        "WHERE signs_until > $1 ORDER BY created_at <= $2 DESC, "
        "CASE WHEN created_at <= $2 THEN created_at END DESC, created_at LIMIT 1",
        now,
        settled,
    )
    return KeyRow(**record) if record else None


async def newest(conn: Connection) -> datetime | None:
    """Until when the key signs that signs longest; None when there is none."""
    until: datetime | None = await conn.fetchval("SELECT max(signs_until) FROM signing_key")
    return until


async def add(conn: Connection, row: KeyRow, now: datetime) -> None:
    await conn.execute(
        "INSERT INTO signing_key (key_id, public_key, private_key, signs_until, expires_at, created_at) "
        "VALUES ($1, $2, $3, $4, $5, $6)",
        row.key_id,
        row.public_key,
        row.private_key,
        row.signs_until,
        row.expires_at,
        now,
    )
