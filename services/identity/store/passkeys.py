"""Passkeys: public keys, and the challenges that wait for an answer."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from shared.database import Connection

Purpose = Literal["register", "sign_in"]


@dataclass(frozen=True)
class PasskeyRow:
    passkey_id: UUID
    user_id: UUID
    credential_id: bytes
    public_key: bytes
    sign_count: int
    name: str
    created_at: datetime
    used_at: datetime | None


async def of_user(conn: Connection, user_id: UUID) -> list[PasskeyRow]:
    records = await conn.fetch(
        "SELECT passkey_id, user_id, credential_id, public_key, sign_count, name, created_at, used_at "
        "FROM passkey WHERE user_id = $1 ORDER BY created_at",
        user_id,
    )
    return [PasskeyRow(**record) for record in records]


async def add(conn: Connection, row: PasskeyRow) -> bool:
    """False when that passkey is registered already."""
    done = await conn.execute(
        "INSERT INTO passkey (passkey_id, user_id, credential_id, public_key, sign_count, name, created_at, "
        "used_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (credential_id) DO NOTHING",
        row.passkey_id,
        row.user_id,
        row.credential_id,
        row.public_key,
        row.sign_count,
        row.name,
        row.created_at,
        row.used_at,
    )
    return done == "INSERT 0 1"


async def used(conn: Connection, passkey_id: UUID, sign_count: int, now: datetime) -> None:
    await conn.execute(
        "UPDATE passkey SET sign_count = $2, used_at = $3 WHERE passkey_id = $1",
        passkey_id,
        sign_count,
        now,
    )


async def remove(conn: Connection, user_id: UUID, passkey_id: UUID) -> bool:
    done = await conn.execute(
        "DELETE FROM passkey WHERE user_id = $1 AND passkey_id = $2", user_id, passkey_id
    )
    return done == "DELETE 1"


async def challenge(
    conn: Connection, session_id: UUID, purpose: Purpose, value: bytes, expires_at: datetime
) -> None:
    """The newest challenge takes the place of the one before."""
    await conn.execute(
        "INSERT INTO passkey_challenge (session_id, purpose, challenge, expires_at) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT (session_id, purpose) DO UPDATE "
        "SET challenge = EXCLUDED.challenge, expires_at = EXCLUDED.expires_at",
        session_id,
        purpose,
        value,
        expires_at,
    )


async def take_challenge(
    conn: Connection, session_id: UUID, purpose: Purpose, now: datetime
) -> bytes | None:
    """Use a challenge up; None when there is none, or it expired."""
    value: bytes | None = await conn.fetchval(
        "DELETE FROM passkey_challenge WHERE session_id = $1 AND purpose = $2 AND expires_at > $3 "
        "RETURNING challenge",
        session_id,
        purpose,
        now,
    )
    return value
