"""What a company buys itself: more users than its plan brings (D13)."""

from uuid import UUID

from services.portal.domain.errors import NoSubscription, StaleSubscription
from services.portal.store import subscriptions
from services.portal.store.portals import SubscriptionRow
from shared import outbox
from shared.access.guard import Principal
from shared.contracts.portal import SubscriptionChanged
from shared.database import Database
from shared.problems import Forbidden


async def subscription_of(
    db: Database, caller: Principal, company_id: UUID
) -> SubscriptionRow | None:
    """What the company has bought, for its owners; None: nothing yet."""
    _owner_of(caller, company_id)
    async with db.system_transaction() as conn:
        return await subscriptions.get(conn, company_id)


async def buy_seats(
    db: Database, caller: Principal, company_id: UUID, more: int, seen: int
) -> SubscriptionRow:
    """Add users; `seen` is the version that the buyer looked at: the same order sent twice buys once."""
    _owner_of(caller, company_id)
    async with db.system_transaction() as conn:
        if await subscriptions.get(conn, company_id) is None:
            raise NoSubscription
        row = await subscriptions.add_seats(conn, company_id, more, seen)
        if row is None:
            raise StaleSubscription
        event = SubscriptionChanged(
            company_id=company_id, plan=row.plan, options=row.options, seats=row.seats
        )
        await outbox.append(conn, event, actor=caller.actor, aggregate_version=row.version)
    return row


def _owner_of(caller: Principal, company_id: UUID) -> None:
    if (caller.company_id, caller.role, caller.kind) != (company_id, "owner", "internal"):
        raise Forbidden(slug="owners-only")
