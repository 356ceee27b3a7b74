"""Names of people and companies, from the access projection."""

from uuid import UUID

from shared.database import Connection


async def name_of(conn: Connection, membership_id: UUID) -> str:
    """First and last name of the person behind a membership."""
    found: str | None = await conn.fetchval(
        "SELECT first_name || ' ' || last_name FROM access.memberships WHERE membership_id = $1",
        membership_id,
    )
    return (found or "").strip()


async def support_in(conn: Connection, company_id: UUID) -> list[str]:
    """Support staff who are inside the company's file now, by name."""
    records = await conn.fetch(
        "SELECT first_name || ' ' || last_name AS name FROM access.memberships "
        "WHERE company_id = $1 AND kind = 'support' AND active ORDER BY last_name, first_name",
        company_id,
    )
    return [record["name"] for record in records]


async def names_in(conn: Connection, company_id: UUID) -> dict[str, str]:
    """`user:<id>` → name, of everybody who is or was in the company."""
    records = await conn.fetch(
        "SELECT 'user:' || user_id::text AS actor, first_name || ' ' || last_name AS name "
        "FROM access.memberships WHERE company_id = $1",
        company_id,
    )
    return {record["actor"]: record["name"] for record in records}


async def actors_in(conn: Connection, company_id: UUID) -> list[str]:
    """`user:<id>` of everybody who is in the company."""
    records = await conn.fetch(
        "SELECT DISTINCT 'user:' || user_id::text AS actor FROM access.memberships "
        "WHERE company_id = $1 AND active AND kind = 'internal'",
        company_id,
    )
    return [record["actor"] for record in records]


async def company_name(conn: Connection, company_id: UUID | None) -> str:
    """A company's name, or an empty string."""
    found: str | None = await conn.fetchval(
        "SELECT name FROM access.companies WHERE company_id = $1", company_id
    )
    return found or ""


async def companies_in(
    conn: Connection, company_id: UUID | None, firm_id: UUID | None
) -> list[UUID]:
    """One company, or a firm and all that it administers."""
    records = await conn.fetch(
        "SELECT company_id FROM access.companies WHERE company_id = $1 "
        "OR ($1::uuid IS NULL AND (firm_id = $2 OR company_id = $2))",
        company_id,
        firm_id,
    )
    return [record["company_id"] for record in records]


async def country_of(conn: Connection, company_id: UUID) -> str:
    """ISO 3166-1 alpha-2, or an empty string."""
    found: str | None = await conn.fetchval(
        "SELECT country FROM access.companies WHERE company_id = $1", company_id
    )
    return found or ""


async def actions_of(conn: Connection, user_id: UUID, limit: int) -> list[dict[str, str]]:
    """What the audit holds of a person, the newest first: when, in which company, what."""
    records = await conn.fetch(
        "SELECT happened_at, company_id, action, subject FROM audit "
        "WHERE actor IN ('user:' || $1::text, 'api_key:' || $1::text) ORDER BY position DESC LIMIT $2",
        str(user_id),
        limit,
    )
    return [{name: str(value) for name, value in record.items()} for record in records]


async def profile_names(
    conn: Connection, company_id: UUID | None, firm_id: UUID | None
) -> dict[str, str]:
    """Every profile there is or was in one company, or in a firm and all that it administers: id → name."""
    records = await conn.fetch(
        "SELECT p.profile_id, p.name FROM access.profiles p "
        "JOIN access.companies c ON c.company_id = p.company_id "
        "WHERE c.company_id = $1 OR ($1::uuid IS NULL AND (c.firm_id = $2 OR c.company_id = $2))",
        company_id,
        firm_id,
    )
    return {str(record["profile_id"]): record["name"] for record in records}
