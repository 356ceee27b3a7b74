"""Read models across owners: timeline, invoice and delivery faces, purchases."""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from shared.database import Connection


@dataclass(frozen=True)
class TimelineRow:
    event_id: UUID
    company_id: UUID
    invoice_id: UUID
    delivery_id: UUID | None
    kind: str
    channel: str
    target: str
    words: str
    proof: dict[str, Any]
    actor: str
    started_at: datetime | None
    happened_at: datetime
    trace_id: str
    version: int


@dataclass(frozen=True)
class InvoiceFace:
    invoice_id: UUID
    company_id: UUID
    customer_id: UUID
    number: str
    document_kind: str
    buyer_name: str
    amount_due: Decimal
    currency: str
    issue_date: date
    issued_at: datetime


@dataclass(frozen=True)
class DeliveryFace:
    delivery_id: UUID
    invoice_id: UUID
    company_id: UUID
    channel: str
    target: str
    state: str
    scheduled_at: datetime | None
    ended_at: datetime | None
    version: int


@dataclass(frozen=True)
class PurchaseFace:
    document_id: UUID
    company_id: UUID
    number: str
    seller_name: str
    amount_due: str
    currency: str
    sender: str
    received_at: datetime


@dataclass(frozen=True)
class Shown:
    """What a batch of events adds to the read models."""

    invoices: list[InvoiceFace] = field(default_factory=list)
    deliveries: list[DeliveryFace] = field(default_factory=list)
    purchases: list[PurchaseFace] = field(default_factory=list)
    timeline: list[TimelineRow] = field(default_factory=list)


async def save(conn: Connection, shown: Shown) -> None:
    """Add what isn't there; of a delivery keep the newest state."""
    await conn.executemany(ADD_INVOICE, [_values(row) for row in shown.invoices])
    await conn.executemany(SAVE_DELIVERY, [_values(row) for row in shown.deliveries])
    await conn.executemany(ADD_PURCHASE, [_values(row) for row in shown.purchases])
    await conn.executemany(ADD_TIMELINE, [_values(row) for row in shown.timeline])


def _values(row: object) -> tuple[Any, ...]:
    """A row's fields in the order of its class, which is that of the statement's columns."""
    return tuple(vars(row).values())


ADD_TIMELINE = (
    "INSERT INTO timeline (event_id, company_id, invoice_id, delivery_id, kind, channel, target, words, "
    "proof, actor, started_at, happened_at, trace_id, version) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT DO NOTHING"
)
ADD_INVOICE = (
    "INSERT INTO invoice_face (invoice_id, company_id, customer_id, number, document_kind, buyer_name, "
    "amount_due, currency, issue_date, issued_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) "
    "ON CONFLICT DO NOTHING"
)
SAVE_DELIVERY = (
    "INSERT INTO delivery_face (delivery_id, invoice_id, company_id, channel, target, state, "
    "scheduled_at, ended_at, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) "
    "ON CONFLICT (delivery_id) DO UPDATE SET "
    "  scheduled_at = coalesce(delivery_face.scheduled_at, EXCLUDED.scheduled_at), "
    "  state = CASE WHEN delivery_face.version < EXCLUDED.version THEN EXCLUDED.state "
    "          ELSE delivery_face.state END, "
    "  ended_at = CASE WHEN delivery_face.version < EXCLUDED.version THEN EXCLUDED.ended_at "
    "             ELSE delivery_face.ended_at END, "
    "  version = greatest(delivery_face.version, EXCLUDED.version)"
)
ADD_PURCHASE = (
    "INSERT INTO purchase_face (document_id, company_id, number, seller_name, amount_due, currency, sender, "
    "received_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING"
)


async def timeline_of(conn: Connection, company_id: UUID, invoice_id: UUID) -> list[TimelineRow]:
    records = await conn.fetch(
        "SELECT event_id, company_id, invoice_id, delivery_id, kind, channel, target, words, proof, actor, "
        "started_at, happened_at, trace_id, version FROM timeline "
        "WHERE company_id = $1 AND invoice_id = $2 ORDER BY happened_at, version, event_id",
        company_id,
        invoice_id,
    )
    return [TimelineRow(**record) for record in records]


async def recent_invoices(conn: Connection, company_id: UUID, limit: int) -> list[InvoiceFace]:
    records = await conn.fetch(
        "SELECT invoice_id, company_id, customer_id, number, document_kind, buyer_name, amount_due, currency, "
        "issue_date, issued_at FROM invoice_face WHERE company_id = $1 ORDER BY issued_at DESC LIMIT $2",
        company_id,
        limit,
    )
    return [InvoiceFace(**record) for record in records]


async def deliveries_of(
    conn: Connection, company_id: UUID, invoice_ids: list[UUID]
) -> list[DeliveryFace]:
    records = await conn.fetch(
        "SELECT delivery_id, invoice_id, company_id, channel, target, state, scheduled_at, ended_at, version "
        "FROM delivery_face WHERE company_id = $1 AND invoice_id = ANY($2) ORDER BY delivery_id",
        company_id,
        invoice_ids,
    )
    return [DeliveryFace(**record) for record in records]


async def purchases(conn: Connection, company_id: UUID, limit: int) -> list[PurchaseFace]:
    records = await conn.fetch(
        "SELECT document_id, company_id, number, seller_name, amount_due, currency, sender, received_at "
        "FROM purchase_face WHERE company_id = $1 ORDER BY received_at DESC LIMIT $2",
        company_id,
        limit,
    )
    return [PurchaseFace(**record) for record in records]


async def newest_change(conn: Connection, company_id: UUID, invoice_id: UUID) -> int:
    """A number that grows with every entry of an invoice's timeline."""
    count: int = await conn.fetchval(
        "SELECT count(*) FROM timeline WHERE company_id = $1 AND invoice_id = $2",
        company_id,
        invoice_id,
    )
    return count


async def invoice(conn: Connection, company_id: UUID, invoice_id: UUID) -> InvoiceFace | None:
    record = await conn.fetchrow(
        "SELECT invoice_id, company_id, customer_id, number, document_kind, buyer_name, amount_due, currency, "
        "issue_date, issued_at FROM invoice_face WHERE company_id = $1 AND invoice_id = $2",
        company_id,
        invoice_id,
    )
    return InvoiceFace(**record) if record else None


async def named(conn: Connection, company_ids: list[UUID], number: str) -> list[UUID]:
    """Documents of these companies with that number (BT-1)."""
    records = await conn.fetch(
        "SELECT invoice_id FROM invoice_face WHERE company_id = ANY($1) AND number = $2",
        company_ids,
        number,
    )
    return [record["invoice_id"] for record in records]


async def numbers_of(
    conn: Connection, company_id: UUID, invoice_ids: list[UUID]
) -> dict[str, InvoiceFace]:
    """Invoice id → its face."""
    records = await conn.fetch(
        "SELECT invoice_id, company_id, customer_id, number, document_kind, buyer_name, amount_due, currency, "
        "issue_date, issued_at FROM invoice_face WHERE company_id = $1 AND invoice_id = ANY($2)",
        company_id,
        invoice_ids,
    )
    return {str(record["invoice_id"]): InvoiceFace(**record) for record in records}


async def changes(conn: Connection, invoice_ids: list[UUID]) -> dict[UUID, int]:
    """How many entries each timeline has; grows with every change."""
    records = await conn.fetch(
        "SELECT invoice_id, count(*) AS entries FROM timeline WHERE invoice_id = ANY($1) "
        "GROUP BY invoice_id",
        invoice_ids,
    )
    return {record["invoice_id"]: record["entries"] for record in records}
