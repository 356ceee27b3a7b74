"""Numbers of the last thirty days, for the dashboard."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

from shared.database import Connection


@dataclass(frozen=True)
class Totals:
    """Documents issued, what they add up to, and how their deliveries stand."""

    documents: int
    amount: Decimal
    """In euros; credit notes count against."""
    deliveries: int
    delivered: int
    under_way: int
    parked: int
    """They wait until the peer's server works."""
    attention: int
    """Deliveries that wait for a person."""
    median: timedelta | None
    """From the issue to the proof."""


@dataclass(frozen=True)
class ChannelLine:
    """One channel: how its deliveries stand, and how long from the issue to the proof."""

    channel: str
    deliveries: int
    delivered: int
    under_way: int
    parked: int
    """They wait until the peer's server works."""
    attention: int
    cancelled: int
    median: timedelta | None
    slowest: timedelta | None
    """Nineteen of twenty were faster (p95)."""


async def totals(conn: Connection, company_ids: list[UUID]) -> Totals:
    """Of these companies together."""
    record = await conn.fetchrow(
        "SELECT (SELECT count(*) FROM invoice_face "
        "  WHERE company_id = ANY($1) AND issued_at > now() - interval '30 days') "
        "  AS documents, "
        "(SELECT coalesce(sum(CASE document_kind WHEN 'credit_note' THEN -amount_due ELSE amount_due END), 0) "
        "  FROM invoice_face WHERE company_id = ANY($1) AND currency = 'EUR' "
        "  AND issued_at > now() - interval '30 days') AS amount, "
        "count(*) AS deliveries, count(*) FILTER (WHERE d.state = 'delivered') AS delivered, "
        "count(*) FILTER (WHERE d.state NOT IN "
        "  ('delivered', 'exhausted', 'refused', 'undecided', 'cancelled', 'bounced', 'parked')) AS under_way, "
        "count(*) FILTER (WHERE d.state = 'parked') AS parked, "
        "count(*) FILTER (WHERE d.state IN ('exhausted', 'refused', 'undecided', 'bounced')) AS attention, "
        "percentile_cont(0.5) WITHIN GROUP (ORDER BY d.ended_at - i.issued_at) "
        "  FILTER (WHERE d.state = 'delivered') AS median "
        "FROM delivery_face d JOIN invoice_face i USING (invoice_id) "
        "WHERE d.company_id = ANY($1) AND i.issued_at > now() - interval '30 days'",
        company_ids,
    )
    return Totals(**dict(record or {}))


async def channels(conn: Connection, company_ids: list[UUID]) -> list[ChannelLine]:
    """The same by channel."""
    records = await conn.fetch(
        "SELECT d.channel, count(*) AS deliveries, count(*) FILTER (WHERE d.state = 'delivered') AS delivered, "
        "count(*) FILTER (WHERE d.state NOT IN "
        "  ('delivered', 'exhausted', 'refused', 'undecided', 'cancelled', 'bounced', 'parked')) AS under_way, "
        "count(*) FILTER (WHERE d.state = 'parked') AS parked, "
        "count(*) FILTER (WHERE d.state IN ('exhausted', 'refused', 'undecided', 'bounced')) AS attention, "
        "count(*) FILTER (WHERE d.state = 'cancelled') AS cancelled, "
        "percentile_cont(0.5) WITHIN GROUP (ORDER BY d.ended_at - i.issued_at) "
        "  FILTER (WHERE d.state = 'delivered') AS median, "
        "percentile_cont(0.95) WITHIN GROUP (ORDER BY d.ended_at - i.issued_at) "
        "  FILTER (WHERE d.state = 'delivered') AS slowest "
        "FROM delivery_face d JOIN invoice_face i USING (invoice_id) "
        "WHERE d.company_id = ANY($1) AND i.issued_at > now() - interval '30 days' "
        "GROUP BY d.channel ORDER BY d.channel",
        company_ids,
    )
    return [ChannelLine(**record) for record in records]


async def by_day(conn: Connection, company_ids: list[UUID], zone: str) -> dict[date, int]:
    """Documents issued on each of the last thirty days, by that zone's calendar."""
    records = await conn.fetch(
        "SELECT (issued_at AT TIME ZONE $2)::date AS day, count(*) AS documents FROM invoice_face "
        "WHERE company_id = ANY($1) AND issued_at > now() - interval '30 days' GROUP BY 1 ORDER BY 1",
        company_ids,
        zone,
    )
    return {record["day"]: record["documents"] for record in records}


async def pulses(conn: Connection, company_ids: list[UUID]) -> dict[UUID, int]:
    """A number for each company that grows with everything that its dashboard shows."""
    records = await conn.fetch(
        "SELECT c.company_id, coalesce((SELECT max(position) FROM timeline t "
        "  WHERE t.company_id = c.company_id), 0) AS pulse FROM unnest($1::uuid[]) AS c(company_id)",
        company_ids,
    )
    return {record["company_id"]: record["pulse"] for record in records}


async def firm_pulses(conn: Connection, firm_ids: list[UUID]) -> dict[UUID, int]:
    """The same for all companies of a firm, and for how they stand."""
    records = await conn.fetch(
        "SELECT c.firm_id, coalesce(sum((SELECT max(position) FROM timeline t "
        "  WHERE t.company_id = c.company_id)), 0)::bigint + sum(c.version)::bigint "
        "  + coalesce(sum(p.version), 0)::bigint AS pulse "
        "FROM access.companies c LEFT JOIN company_portal p USING (company_id) "
        "WHERE c.firm_id = ANY($1) GROUP BY c.firm_id",
        firm_ids,
    )
    return {record["firm_id"]: record["pulse"] for record in records}


async def everywhere(conn: Connection) -> dict[str, dict[str, int]]:
    """For operators: how many deliveries of all companies by channel and state."""
    records = await conn.fetch(
        "SELECT channel, state, count(*) AS deliveries FROM delivery_face "
        "GROUP BY channel, state ORDER BY channel, state"
    )
    found: dict[str, dict[str, int]] = {}
    for record in records:
        found.setdefault(record["channel"], {})[record["state"]] = record["deliveries"]
    return found
