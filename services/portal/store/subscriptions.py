"""Subscriptions, as their own company reads and changes them."""

from uuid import UUID

from services.portal.store.portals import SubscriptionRow
from shared.database import Connection


async def get(conn: Connection, company_id: UUID) -> SubscriptionRow | None:
    record = await conn.fetchrow(
        "SELECT company_id, plan, options, seats, version FROM subscription WHERE company_id = $1",
        company_id,
    )
    return SubscriptionRow(**record) if record else None


async def add_seats(
    conn: Connection, company_id: UUID, more: int, version: int
) -> SubscriptionRow | None:
    """None when the subscription isn't at that version any more."""
    record = await conn.fetchrow(
        "UPDATE subscription SET seats = seats + $2, version = version + 1 "
        "WHERE company_id = $1 AND version = $3 "
        "RETURNING company_id, plan, options, seats, version",
        company_id,
        more,
        version,
    )
    return SubscriptionRow(**record) if record else None
