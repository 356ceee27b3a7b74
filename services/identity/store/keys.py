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


async def signing(conn: Connection, now: datetime) -> KeyRow | None:
    record = await conn.fetchrow(
        "SELECT key_id, public_key, private_key, signs_until, expires_at FROM signing_key "
        "WHERE signs_until > $1 ORDER BY signs_until DESC LIMIT 1",
        now,
    )
    return KeyRow(**record) if record else None


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
