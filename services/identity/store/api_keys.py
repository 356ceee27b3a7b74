"""API keys: shown once, stored hashed, with scopes and an expiry."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.database import Connection


@dataclass(frozen=True)
class ApiKeyRow:
    key_id: UUID
    company_id: UUID
    membership_id: UUID
    user_id: UUID
    session_id: UUID
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


async def add(conn: Connection, row: ApiKeyRow, secret_hash: bytes) -> None:
    await conn.execute(
        "INSERT INTO api_key (key_id, company_id, membership_id, user_id, session_id, name, secret_hash, "
        "scopes, created_at, expires_at, revoked_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        row.key_id,
        row.company_id,
        row.membership_id,
        row.user_id,
        row.session_id,
        row.name,
        secret_hash,
        row.scopes,
        row.created_at,
        row.expires_at,
        row.revoked_at,
    )


async def by_secret(conn: Connection, secret_hash: bytes, now: datetime) -> ApiKeyRow | None:
    record = await conn.fetchrow(
        "SELECT key_id, company_id, membership_id, user_id, session_id, name, scopes, created_at, expires_at, "
        "revoked_at FROM api_key WHERE secret_hash = $1 AND revoked_at IS NULL AND expires_at > $2",
        secret_hash,
        now,
    )
    return ApiKeyRow(**record) if record else None


async def of_company(conn: Connection, company_id: UUID) -> list[ApiKeyRow]:
    records = await conn.fetch(
        "SELECT key_id, company_id, membership_id, user_id, session_id, name, scopes, created_at, expires_at, "
        "revoked_at FROM api_key WHERE company_id = $1 ORDER BY created_at DESC",
        company_id,
    )
    return [ApiKeyRow(**record) for record in records]


async def revoke(
    conn: Connection, company_id: UUID, key_id: UUID, now: datetime
) -> ApiKeyRow | None:
    record = await conn.fetchrow(
        "UPDATE api_key SET revoked_at = $3 WHERE company_id = $1 AND key_id = $2 AND revoked_at IS NULL "
        "RETURNING key_id, company_id, membership_id, user_id, session_id, name, scopes, created_at, "
        "expires_at, revoked_at",
        company_id,
        key_id,
        now,
    )
    return ApiKeyRow(**record) if record else None


async def revoke_all_of(conn: Connection, membership_id: UUID, now: datetime) -> list[ApiKeyRow]:
    """Every key that one member made."""
    records = await conn.fetch(
        "UPDATE api_key SET revoked_at = $2 WHERE membership_id = $1 AND revoked_at IS NULL "
        "RETURNING key_id, company_id, membership_id, user_id, session_id, name, scopes, created_at, "
        "expires_at, revoked_at",
        membership_id,
        now,
    )
    return [ApiKeyRow(**record) for record in records]
