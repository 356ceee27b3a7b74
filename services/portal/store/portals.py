"""Subscriptions and company portals, with what the access projection knows of a company."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.portal.domain.activation import Member, Situation
from shared.database import Connection


@dataclass(frozen=True)
class SubscriptionRow:
    company_id: UUID
    plan: str
    options: list[str]
    seats: int
    version: int


@dataclass(frozen=True)
class CompanyLine:
    """One line of the list of companies."""

    company_id: UUID
    name: str
    country: str
    options: list[str]
    missing_legal_fields: list[str]
    users: int
    enabled: bool


async def lock(conn: Connection, company_id: UUID) -> None:
    """One change of a company's portal at a time, also before it has a row."""
    await conn.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"portal {company_id}"
    )


async def situation(conn: Connection, company_id: UUID) -> Situation | None:
    """Everything a decision rests on; None for a company not heard of."""
    head = await conn.fetchrow(
        "SELECT c.firm_id, c.name, c.state, s.options, p.enabled, p.profile_ids, p.version "
        "FROM access.companies c LEFT JOIN subscription s ON s.company_id = c.company_id "
        "LEFT JOIN company_portal p ON p.company_id = c.company_id WHERE c.company_id = $1",
        company_id,
    )
    if head is None:
        return None
    members = await conn.fetch(
        "SELECT user_id, first_name || ' ' || last_name AS name, email, profile_id "
        "FROM access.memberships WHERE company_id = $1 AND active ORDER BY last_name, first_name, user_id",
        company_id,
    )
    profiles = await conn.fetch(
        "SELECT profile_id, name FROM access.profiles WHERE company_id = $1 AND active ORDER BY name",
        company_id,
    )
    return Situation(
        company_id=company_id,
        firm_id=head["firm_id"],
        name=head["name"],
        options=frozenset(head["options"] or []),
        missing_legal_fields=tuple(head["state"]["missing_legal_fields"]),
        members=tuple(Member(**record) for record in members),
        profiles={record["profile_id"]: record["name"] for record in profiles},
        enabled=bool(head["enabled"]),
        profile_ids=frozenset(head["profile_ids"] or []),
        version=head["version"] or 0,
    )


async def save(
    conn: Connection,
    company_id: UUID,
    firm_id: UUID,
    enabled: bool,
    profile_ids: list[UUID],
    changed_by: str,
    now: datetime,
) -> int:
    """Write the new state; returns its version."""
    version: int = await conn.fetchval(
        "INSERT INTO company_portal (company_id, firm_id, enabled, profile_ids, changed_by, changed_at, version) "
        "VALUES ($1, $2, $3, $4, $5, $6, 1) ON CONFLICT (company_id) DO UPDATE "
        "SET firm_id = EXCLUDED.firm_id, enabled = EXCLUDED.enabled, profile_ids = EXCLUDED.profile_ids, "
        "    changed_by = EXCLUDED.changed_by, changed_at = EXCLUDED.changed_at, "
        "    version = company_portal.version + 1 RETURNING version",
        company_id,
        firm_id,
        enabled,
        profile_ids,
        changed_by,
        now,
    )
    return version


async def subscribe(
    conn: Connection, company_id: UUID, plan: str, options: list[str], seats: int
) -> int:
    """Write what a company has bought; returns the version."""
    version: int = await conn.fetchval(
        "INSERT INTO subscription (company_id, plan, options, seats, version) VALUES ($1, $2, $3, $4, 1) "
        "ON CONFLICT (company_id) DO UPDATE SET plan = EXCLUDED.plan, options = EXCLUDED.options, "
        "seats = EXCLUDED.seats, version = subscription.version + 1 RETURNING version",
        company_id,
        plan,
        options,
        seats,
    )
    return version


async def companies_of_firm(
    conn: Connection, firm_id: UUID, text: str, after: str, limit: int
) -> list[CompanyLine]:
    """The companies that a firm administers, by name, from `after` on."""
    records = await conn.fetch(
        "SELECT c.company_id, c.name, c.country, coalesce(s.options, '{}') AS options, "
        "ARRAY(SELECT jsonb_array_elements_text(c.state->'missing_legal_fields')) AS missing_legal_fields, "
        "(SELECT count(*) FROM access.memberships m WHERE m.company_id = c.company_id AND m.active) AS users, "
        "coalesce(p.enabled, false) AS enabled "
        "FROM access.companies c LEFT JOIN subscription s ON s.company_id = c.company_id "
        "LEFT JOIN company_portal p ON p.company_id = c.company_id "
        "WHERE c.firm_id = $1 AND strpos(lower(c.name), lower($2)) > 0 AND c.name > $3 "
        "ORDER BY c.name, c.company_id LIMIT $4",
        firm_id,
        text,
        after,
        limit,
    )
    return [CompanyLine(**record) for record in records]
