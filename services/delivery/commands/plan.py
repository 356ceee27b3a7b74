"""Planning: one delivery for every way the customer chose."""

from datetime import datetime
from uuid import UUID

from services.delivery import announce
from services.delivery.store import deliveries, plans, receptions
from services.delivery.store.deliveries import DeliveryRow
from services.delivery.store.plans import PlanRow
from services.delivery.store.receptions import WayRow
from shared.database import Connection
from shared.events import Actor
from shared.ids import new_id

NEEDS_READABLE = frozenset({"email"})
"""Channels that carry the PDF: they wait until it is rendered."""


async def plan_invoice(conn: Connection, plan: PlanRow, now: datetime) -> None:
    """Plan an invoice that was just issued; without reception settings it waits in plain sight."""
    await plans.hold_reception(conn, plan.customer_id)
    ways = await receptions.ways(conn, plan.company_id, plan.customer_id)
    state = "planned" if ways else "waiting"
    fresh = await plans.add(conn, PlanRow(**{**plan.__dict__, "state": state}))
    if fresh:
        for way in ways:
            await schedule(conn, plan, way, now)


async def plan_waiting(
    conn: Connection, company_id: UUID, customer_id: UUID, now: datetime
) -> None:
    """The customer's settings arrived: plan what waited for them."""
    ways = await receptions.ways(conn, company_id, customer_id)
    for plan in await plans.take_waiting(conn, company_id, customer_id):
        for way in ways:
            await schedule(conn, plan, way, now)


async def schedule(
    conn: Connection,
    plan: PlanRow,
    way: WayRow,
    now: datetime,
    resend_of: UUID | None = None,
    actor: Actor = announce.SYSTEM,
) -> DeliveryRow:
    """One delivery over one way; its settings are copied, so later changes don't touch it."""
    waits = way.channel in NEEDS_READABLE and not await _has_readable(conn, plan.invoice_id)
    row = DeliveryRow(
        delivery_id=new_id(),
        invoice_id=plan.invoice_id,
        company_id=plan.company_id,
        channel=way.channel,
        target=way.target,
        endpoint=way.endpoint,
        route=way.route,
        secrets=way.secrets,
        secrets_row=way.way_id,
        state="waiting" if waits else "due",
        attempt=0,
        next_attempt_at=now,
        resend_of=resend_of,
        traceparent=plan.traceparent,
        cause=plan.cause,
        created_at=now,
        version=1,
    )
    await deliveries.add(conn, row)
    await announce.scheduled(conn, row, str(plan.facts["number"]), actor)
    return row


async def _has_readable(conn: Connection, invoice_id: UUID) -> bool:
    await plans.hold_readables(conn)
    return await plans.has_document(conn, invoice_id, "readable")
