"""Read models across owners: timeline, invoice and delivery faces, purchases."""

from dataclasses import dataclass
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


async def add_timeline(conn: Connection, row: TimelineRow) -> None:
    await conn.execute(
        "INSERT INTO timeline (event_id, company_id, invoice_id, delivery_id, kind, channel, target, words, "
        "proof, actor, started_at, happened_at, trace_id, version) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT DO NOTHING",
        row.event_id,
        row.company_id,
        row.invoice_id,
        row.delivery_id,
        row.kind,
        row.channel,
        row.target,
        row.words,
        row.proof,
        row.actor,
        row.started_at,
        row.happened_at,
        row.trace_id,
        row.version,
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


async def add_invoice(conn: Connection, row: InvoiceFace) -> None:
    await conn.execute(
        "INSERT INTO invoice_face (invoice_id, company_id, customer_id, number, document_kind, buyer_name, "
        "amount_due, currency, issue_date, issued_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) "
        "ON CONFLICT DO NOTHING",
        row.invoice_id,
        row.company_id,
        row.customer_id,
        row.number,
        row.document_kind,
        row.buyer_name,
        row.amount_due,
        row.currency,
        row.issue_date,
        row.issued_at,
    )


async def recent_invoices(conn: Connection, company_id: UUID, limit: int) -> list[InvoiceFace]:
    records = await conn.fetch(
        "SELECT invoice_id, company_id, customer_id, number, document_kind, buyer_name, amount_due, currency, "
        "issue_date, issued_at FROM invoice_face WHERE company_id = $1 ORDER BY issued_at DESC LIMIT $2",
        company_id,
        limit,
    )
    return [InvoiceFace(**record) for record in records]


async def save_delivery(conn: Connection, row: DeliveryFace) -> None:
    await conn.execute(
        "INSERT INTO delivery_face (delivery_id, invoice_id, company_id, channel, target, state, "
        "scheduled_at, ended_at, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) "
        "ON CONFLICT (delivery_id) DO UPDATE SET "
        "  scheduled_at = coalesce(delivery_face.scheduled_at, EXCLUDED.scheduled_at), "
        "  state = CASE WHEN delivery_face.version < EXCLUDED.version THEN EXCLUDED.state "
        "          ELSE delivery_face.state END, "
        "  ended_at = CASE WHEN delivery_face.version < EXCLUDED.version THEN EXCLUDED.ended_at "
        "             ELSE delivery_face.ended_at END, "
        "  version = greatest(delivery_face.version, EXCLUDED.version)",
        row.delivery_id,
        row.invoice_id,
        row.company_id,
        row.channel,
        row.target,
        row.state,
        row.scheduled_at,
        row.ended_at,
        row.version,
    )


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


async def add_purchase(conn: Connection, row: PurchaseFace) -> None:
    await conn.execute(
        "INSERT INTO purchase_face (document_id, company_id, number, seller_name, amount_due, currency, sender, "
        "received_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
        row.document_id,
        row.company_id,
        row.number,
        row.seller_name,
        row.amount_due,
        row.currency,
        row.sender,
        row.received_at,
    )


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
