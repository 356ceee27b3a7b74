"""Subscriptions and company portals, with what the access projection knows of a company."""

from collections import defaultdict
from collections.abc import Sequence
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
class PortalRow:
    """Facturation of a company; `version` counts over the three billing topics."""

    company_id: UUID
    firm_id: UUID
    enabled: bool
    profile_ids: list[UUID]
    changed_by: str
    changed_at: datetime
    version: int


async def lock(conn: Connection, company_ids: Sequence[UUID]) -> None:
    """One change of a company's portal at a time, also before it has a row; always in the same order."""
    await conn.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(name, 0)) FROM unnest($1::text[]) AS name",
        sorted(f"portal {company_id}" for company_id in company_ids),
    )


async def situation(conn: Connection, company_id: UUID) -> Situation | None:
    """Everything a decision rests on; None for a company not heard of."""
    return (await situations(conn, [company_id])).get(company_id)


async def situations(conn: Connection, company_ids: Sequence[UUID]) -> dict[UUID, Situation]:
    """The same of many companies, by three statements."""
    wanted = list(company_ids)
    heads = await conn.fetch(
        "SELECT c.company_id, c.firm_id, c.name, c.state->'missing_legal_fields' AS missing, s.options, "
        "p.enabled, p.profile_ids, p.version "
        "FROM access.companies c LEFT JOIN subscription s ON s.company_id = c.company_id "
        "LEFT JOIN company_portal p ON p.company_id = c.company_id WHERE c.company_id = ANY($1)",
        wanted,
    )
    members = await conn.fetch(
        "SELECT company_id, user_id, first_name || ' ' || last_name AS name, email, profile_id, "
        "kind <> 'internal' AS external "
        "FROM access.memberships WHERE company_id = ANY($1) AND active "
        "ORDER BY last_name, first_name, user_id",
        wanted,
    )
    profiles = await conn.fetch(
        "SELECT company_id, profile_id, name FROM access.profiles WHERE company_id = ANY($1) AND active "
        "ORDER BY name, profile_id",
        wanted,
    )
    people, named = defaultdict[UUID, list[Member]](list), defaultdict[UUID, dict[UUID, str]](dict)
    for m in members:
        people[m["company_id"]].append(
            Member(m["user_id"], m["name"], m["email"], m["profile_id"], m["external"])
        )
    for p in profiles:
        named[p["company_id"]][p["profile_id"]] = p["name"]
    return {
        head["company_id"]: Situation(
            company_id=head["company_id"],
            firm_id=head["firm_id"],
            name=head["name"],
            options=frozenset(head["options"] or []),
            missing_legal_fields=tuple(head["missing"] or []),
            members=tuple(people[head["company_id"]]),
            profiles=named[head["company_id"]],
            enabled=bool(head["enabled"]),
            profile_ids=frozenset(head["profile_ids"] or []),
            version=head["version"] or 0,
        )
        for head in heads
    }


async def save(conn: Connection, rows: Sequence[PortalRow]) -> None:
    """Write new states; the caller holds the locks, so that the versions are its own to give."""
    await conn.executemany(
        "INSERT INTO company_portal (company_id, firm_id, enabled, profile_ids, changed_by, changed_at, version) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (company_id) DO UPDATE "
        "SET firm_id = EXCLUDED.firm_id, enabled = EXCLUDED.enabled, profile_ids = EXCLUDED.profile_ids, "
        "    changed_by = EXCLUDED.changed_by, changed_at = EXCLUDED.changed_at, version = EXCLUDED.version",
        [
            (
                r.company_id,
                r.firm_id,
                r.enabled,
                r.profile_ids,
                r.changed_by,
                r.changed_at,
                r.version,
            )
            for r in rows
        ],
    )


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
