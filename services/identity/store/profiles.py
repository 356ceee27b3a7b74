"""Profiles: named sets of rights."""

from dataclasses import dataclass
from uuid import UUID

from shared.database import Connection


@dataclass(frozen=True)
class ProfileRow:
    profile_id: UUID
    company_id: UUID
    name: str
    rights: list[str]
    active: bool
    version: int


async def add(conn: Connection, row: ProfileRow) -> None:
    await conn.execute(
        "INSERT INTO profile (profile_id, company_id, name, rights, active, version) "
        "VALUES ($1, $2, $3, $4, $5, $6)",
        row.profile_id,
        row.company_id,
        row.name,
        row.rights,
        row.active,
        row.version,
    )


async def save(conn: Connection, row: ProfileRow) -> None:
    await conn.execute(
        "UPDATE profile SET name = $2, rights = $3, active = $4, version = $5 WHERE profile_id = $1",
        row.profile_id,
        row.name,
        row.rights,
        row.active,
        row.version,
    )


async def lock(conn: Connection, company_id: UUID, profile_id: UUID) -> ProfileRow | None:
    record = await conn.fetchrow(
        "SELECT profile_id, company_id, name, rights, active, version FROM profile "
        "WHERE company_id = $1 AND profile_id = $2 FOR UPDATE",
        company_id,
        profile_id,
    )
    return ProfileRow(**record) if record else None


async def of_company(conn: Connection, company_id: UUID) -> list[ProfileRow]:
    records = await conn.fetch(
        "SELECT profile_id, company_id, name, rights, active, version FROM profile "
        "WHERE company_id = $1 AND active ORDER BY name",
        company_id,
    )
    return [ProfileRow(**record) for record in records]


async def named(conn: Connection, company_id: UUID, name: str) -> UUID | None:
    """The active profile of that name."""
    found: UUID | None = await conn.fetchval(
        "SELECT profile_id FROM profile WHERE company_id = $1 AND lower(name) = lower($2) AND active",
        company_id,
        name,
    )
    return found


async def holders(conn: Connection, company_id: UUID, profile_id: UUID) -> int:
    """How many users have it, or will."""
    count: int = await conn.fetchval(
        "SELECT (SELECT count(*) FROM membership WHERE company_id = $1 AND profile_id = $2 AND active) "
        "+ (SELECT count(*) FROM member_invitation WHERE company_id = $1 AND profile_id = $2)",
        company_id,
        profile_id,
    )
    return count
