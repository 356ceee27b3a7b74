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


async def names_in(conn: Connection, company_id: UUID) -> dict[str, str]:
    """`user:<id>` → name, of everybody who is or was in the company."""
    records = await conn.fetch(
        "SELECT 'user:' || user_id::text AS actor, first_name || ' ' || last_name AS name "
        "FROM access.memberships WHERE company_id = $1",
        company_id,
    )
    return {record["actor"]: record["name"] for record in records}


async def country_of(conn: Connection, company_id: UUID) -> str:
    """ISO 3166-1 alpha-2, or an empty string."""
    found: str | None = await conn.fetchval(
        "SELECT country FROM access.companies WHERE company_id = $1", company_id
    )
    return found or ""


async def personal(conn: Connection, membership_id: UUID) -> dict[str, str]:
    """What a person may see and change of their own account."""
    record = await conn.fetchrow(
        "SELECT email, first_name, last_name, language FROM access.memberships "
        "WHERE membership_id = $1",
        membership_id,
    )
    return dict(record) if record else {}
