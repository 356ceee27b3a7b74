"""Numbers of the last thirty days, for the dashboard."""

from dataclasses import dataclass
from datetime import timedelta
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
    attention: int
    """Deliveries that wait for a person."""
    median: timedelta | None
    """From the issue to the proof."""


@dataclass(frozen=True)
class ChannelLine:
    channel: str
    deliveries: int
    delivered: int
    under_way: int
    attention: int
    median: timedelta | None


async def totals(conn: Connection, company_id: UUID) -> Totals:
    record = await conn.fetchrow(
        "SELECT (SELECT count(*) FROM invoice_face "
        "  WHERE company_id = $1 AND issued_at > now() - interval '30 days') "
        "  AS documents, "
        "(SELECT coalesce(sum(CASE document_kind WHEN 'credit_note' THEN -amount_due ELSE amount_due END), 0) "
        "  FROM invoice_face WHERE company_id = $1 AND currency = 'EUR' "
        "  AND issued_at > now() - interval '30 days') AS amount, "
        "count(*) AS deliveries, count(*) FILTER (WHERE d.state = 'delivered') AS delivered, "
        "count(*) FILTER (WHERE d.state IN ('exhausted', 'refused', 'undecided')) AS attention, "
        "percentile_cont(0.5) WITHIN GROUP (ORDER BY d.ended_at - i.issued_at) "
        "  FILTER (WHERE d.state = 'delivered') AS median "
        "FROM delivery_face d JOIN invoice_face i USING (invoice_id) "
        "WHERE d.company_id = $1 AND i.issued_at > now() - interval '30 days'",
        company_id,
    )
    return Totals(**dict(record or {}))


async def channels(conn: Connection, company_id: UUID) -> list[ChannelLine]:
    records = await conn.fetch(
        "SELECT d.channel, count(*) AS deliveries, count(*) FILTER (WHERE d.state = 'delivered') AS delivered, "
        "count(*) FILTER (WHERE d.state NOT IN ('delivered', 'exhausted', 'refused', 'undecided', 'cancelled')) "
        "  AS under_way, "
        "count(*) FILTER (WHERE d.state IN ('exhausted', 'refused', 'undecided')) AS attention, "
        "percentile_cont(0.5) WITHIN GROUP (ORDER BY d.ended_at - i.issued_at) "
        "  FILTER (WHERE d.state = 'delivered') AS median "
        "FROM delivery_face d JOIN invoice_face i USING (invoice_id) "
        "WHERE d.company_id = $1 AND i.issued_at > now() - interval '30 days' "
        "GROUP BY d.channel ORDER BY d.channel",
        company_id,
    )
    return [ChannelLine(**record) for record in records]
