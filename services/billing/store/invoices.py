"""Issued documents, and what became of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from shared.database import Connection


@dataclass(frozen=True)
class InvoiceRow:
    """One line of the list."""

    invoice_id: UUID
    company_id: UUID
    customer_id: UUID
    number: str
    kind: str
    issue_date: date
    issued_at: datetime
    due_date: date | None
    buyer_name: str
    currency: str
    without_vat: Decimal
    amount_due: Decimal
    language: str
    sha256: str
    issued_by: str
    trace_id: str


@dataclass(frozen=True)
class NewInvoice:
    """What is stored once and never changed."""

    face: InvoiceRow
    series_id: UUID
    sequence: int
    content: dict[str, Any]
    ubl: bytes


@dataclass(frozen=True)
class DeliveryState:
    delivery_id: UUID
    company_id: UUID
    invoice_id: UUID
    channel: str
    target: str
    state: str
    words: str
    proof: dict[str, str]
    changed_at: datetime
    version: int


async def add(conn: Connection, new: NewInvoice) -> None:
    face = new.face
    await conn.execute(
        "INSERT INTO invoice (invoice_id, company_id, customer_id, series_id, sequence, number, kind, "
        "issue_date, issued_at, due_date, buyer_name, currency, without_vat, amount_due, language, content, "
        "ubl, sha256, issued_by, trace_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, "
        "$14, $15, $16, $17, $18, $19, $20)",
        face.invoice_id,
        face.company_id,
        face.customer_id,
        new.series_id,
        new.sequence,
        face.number,
        face.kind,
        face.issue_date,
        face.issued_at,
        face.due_date,
        face.buyer_name,
        face.currency,
        face.without_vat,
        face.amount_due,
        face.language,
        new.content,
        new.ubl,
        face.sha256,
        face.issued_by,
        face.trace_id,
    )


async def get(conn: Connection, company_id: UUID, invoice_id: UUID) -> InvoiceRow | None:
    record = await conn.fetchrow(
        "SELECT invoice_id, company_id, customer_id, number, kind, issue_date, issued_at, due_date, "
        "buyer_name, currency, without_vat, amount_due, language, sha256, issued_by, trace_id "
        "FROM invoice WHERE company_id = $1 AND invoice_id = $2",
        company_id,
        invoice_id,
    )
    return InvoiceRow(**record) if record else None


async def content(conn: Connection, company_id: UUID, invoice_id: UUID) -> dict[str, Any] | None:
    """The invoice in EN 16931 terms."""
    found: dict[str, Any] | None = await conn.fetchval(
        "SELECT content FROM invoice WHERE company_id = $1 AND invoice_id = $2",
        company_id,
        invoice_id,
    )
    return found


async def ubl(conn: Connection, company_id: UUID, invoice_id: UUID) -> bytes | None:
    """The legal original."""
    found: bytes | None = await conn.fetchval(
        "SELECT ubl FROM invoice WHERE company_id = $1 AND invoice_id = $2", company_id, invoice_id
    )
    return found


async def search(
    conn: Connection, company_id: UUID, customer_id: UUID | None, start: date, end: date, limit: int
) -> list[InvoiceRow]:
    """Newest first; both days included."""
    records = await conn.fetch(
        "SELECT invoice_id, company_id, customer_id, number, kind, issue_date, issued_at, due_date, "
        "buyer_name, currency, without_vat, amount_due, language, sha256, issued_by, trace_id "
        "FROM invoice WHERE company_id = $1 AND ($2::uuid IS NULL OR customer_id = $2) "
        "AND issue_date BETWEEN $3 AND $4 ORDER BY issued_at DESC, invoice_id DESC LIMIT $5",
        company_id,
        customer_id,
        start,
        end,
        limit,
    )
    return [InvoiceRow(**record) for record in records]


async def save_deliveries(conn: Connection, rows: Sequence[DeliveryState]) -> None:
    """Keep the newest state of each delivery."""
    await conn.executemany(
        "INSERT INTO invoice_delivery (delivery_id, company_id, invoice_id, channel, target, state, words, "
        "proof, changed_at, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) "
        "ON CONFLICT (delivery_id) DO UPDATE SET state = EXCLUDED.state, words = EXCLUDED.words, "
        "proof = EXCLUDED.proof, changed_at = EXCLUDED.changed_at, version = EXCLUDED.version "
        "WHERE invoice_delivery.version < EXCLUDED.version",
        [
            (
                row.delivery_id,
                row.company_id,
                row.invoice_id,
                row.channel,
                row.target,
                row.state,
                row.words,
                row.proof,
                row.changed_at,
                row.version,
            )
            for row in rows
        ],
    )


async def deliveries(
    conn: Connection, company_id: UUID, invoice_ids: list[UUID]
) -> list[DeliveryState]:
    records = await conn.fetch(
        "SELECT delivery_id, company_id, invoice_id, channel, target, state, words, proof, changed_at, version "
        "FROM invoice_delivery WHERE company_id = $1 AND invoice_id = ANY($2) ORDER BY delivery_id",
        company_id,
        invoice_ids,
    )
    return [DeliveryState(**record) for record in records]
