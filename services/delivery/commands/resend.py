"""By hand: resend, decide what nothing on the wire can settle, cancel (L10)."""

from uuid import UUID

from services.delivery import announce
from services.delivery.commands.plan import schedule
from services.delivery.domain.outcome import Delivered
from services.delivery.store import deliveries, plans, work
from services.delivery.store.deliveries import DeliveryRow
from services.delivery.store.receptions import WayRow
from services.delivery.store.work import AttemptRow
from shared.access.guard import AppOff
from shared.clock import Clock
from shared.database import Connection, Database
from shared.events import Actor
from shared.problems import Conflict, NotFound

OVER = ("exhausted", "refused", "undecided", "cancelled", "delivered", "bounced")


async def resend(
    db: Database,
    company_id: UUID,
    delivery_id: UUID,
    actor: Actor,
    clock: Clock,
    *,
    peppol: bool = True,
) -> DeliveryRow:
    """A new delivery in the place of one that is over; what is still under way can't be resent. One
    over Peppol only by whoever uses that app (P7): `peppol`."""
    async with db.transaction(company_id) as conn:
        old = await _over(conn, company_id, delivery_id)
        if old.channel == "peppol" and not peppol:
            raise AppOff(app="peppol")
        if await deliveries.being_resent(conn, company_id, delivery_id):
            raise Conflict("This delivery is being resent already; wait for what becomes of that.")
        plan = await plans.get(conn, company_id, old.invoice_id)
        if plan is None or old.secrets_row is None:
            raise NotFound
        way = WayRow(
            old.secrets_row,
            plan.customer_id,
            company_id,
            old.channel,
            old.target,
            old.endpoint,
            old.route,
            old.secrets,
        )
        return await schedule(conn, plan, way, clock(), resend_of=delivery_id, actor=actor)


async def cancel(db: Database, company_id: UUID, delivery_id: UUID, actor: Actor) -> UUID:
    """Don't deliver; refused while it is on its way, or when it is over. Returns the invoice's id."""
    async with db.transaction(company_id) as conn:
        row = await deliveries.get(conn, company_id, delivery_id)
        if row is None:
            raise NotFound
        if not await deliveries.cancel(conn, company_id, delivery_id):
            raise Conflict("This delivery is on its way or over; it can't be cancelled.")
        plan = await plans.get(conn, company_id, row.invoice_id)
        await announce.cancelled(conn, row, str(plan.facts["number"]) if plan else "", actor)
    return row.invoice_id


async def confirm(
    db: Database, company_id: UUID, delivery_id: UUID, reason: str, actor: Actor, clock: Clock
) -> UUID:
    """A person knows that the document arrived, and says how; only where nobody else can tell. Returns
    the invoice's id."""
    async with db.transaction(company_id) as conn:
        row = await deliveries.get(conn, company_id, delivery_id)
        if row is None:
            raise NotFound
        version = await deliveries.decide(conn, company_id, delivery_id)
        if version is None:
            raise Conflict(
                "Only a delivery of which nobody can tell is decided by hand.", state=row.state
            )
        plan = await plans.get(conn, company_id, row.invoice_id)
        now = clock()
        word = Delivered(f"marked as delivered: {reason}", {"reason": reason})
        await work.add_attempt(conn, AttemptRow(
            delivery_id, row.attempt, 0, company_id, "decision", now, now, "delivered", "",
            word.words, {**word.proof, "decided_by": str(actor)}, None,
        ))  # fmt: skip
        await announce.succeeded(
            conn,
            row,
            str(plan.facts["number"]) if plan else "",
            word,
            attempt=row.attempt,
            version=version,
            started_at=now,
            ended_at=now,
            actor=actor,
        )
    return row.invoice_id


async def _over(conn: Connection, company_id: UUID, delivery_id: UUID) -> DeliveryRow:
    row = await deliveries.get(conn, company_id, delivery_id)
    if row is None:
        raise NotFound
    if row.state not in OVER:
        raise Conflict(
            "This delivery is still under way; it can be resent when it is over.", state=row.state
        )
    return row
