"""What billing shows."""

from datetime import date
from typing import Any
from uuid import UUID

from services.billing.store import customers, drafts, invoices, products, series
from services.billing.store.customers import CustomerRow
from services.billing.store.drafts import DraftRow
from services.billing.store.invoices import DeliveryState, InvoiceRow
from services.billing.store.products import ProductRow
from shared.database import Database
from shared.problems import NotFound

PAGE = 200


def customer_view(row: CustomerRow) -> dict[str, Any]:
    """A customer as the API shows it."""
    return {
        "customer_id": str(row.customer_id),
        **row.state,
        "active": row.active,
        "version": row.version,
    }


def product_view(row: ProductRow) -> dict[str, Any]:
    """A product as the API shows it."""
    return {
        "product_id": str(row.product_id),
        **row.state,
        "active": row.active,
        "version": row.version,
    }


def draft_view(row: DraftRow) -> dict[str, Any]:
    """A draft as the API shows it; a posted UBL isn't repeated."""
    return {
        "draft_id": str(row.draft_id),
        "customer_id": str(row.customer_id),
        "kind": row.kind,
        "content": row.content,
        "posted_ubl": row.posted_ubl is not None,
        "invoice_id": str(row.invoice_id) if row.invoice_id else None,
        "version": row.version,
    }


def invoice_view(row: InvoiceRow, deliveries: list[DeliveryState]) -> dict[str, Any]:
    """An issued document as the API shows it, with what became of it."""
    return {
        "invoice_id": str(row.invoice_id),
        "customer_id": str(row.customer_id),
        "number": row.number,
        "kind": row.kind,
        "issue_date": row.issue_date.isoformat(),
        "issued_at": row.issued_at.isoformat(),
        "due_date": row.due_date.isoformat() if row.due_date else None,
        "buyer_name": row.buyer_name,
        "currency": row.currency,
        "without_vat": str(row.without_vat),
        "amount_due": str(row.amount_due),
        "language": row.language,
        "sha256": row.sha256,
        "issued_by": row.issued_by,
        "trace_id": row.trace_id,
        "deliveries": [
            {
                "delivery_id": str(d.delivery_id),
                "channel": d.channel,
                "target": d.target,
                "state": d.state,
                "words": d.words,
                "proof": d.proof,
                "changed_at": d.changed_at.isoformat(),
            }
            for d in deliveries
        ],
    }


async def find_customers(db: Database, company_id: UUID, text: str) -> list[dict[str, Any]]:
    """Customers whose name holds `text`."""
    async with db.transaction(company_id) as conn:
        return [customer_view(row) for row in await customers.find(conn, company_id, text, PAGE)]


async def customer(db: Database, company_id: UUID, customer_id: UUID) -> dict[str, Any]:
    """One customer."""
    async with db.transaction(company_id) as conn:
        row = await customers.get(conn, company_id, customer_id)
    if row is None:
        raise NotFound
    return customer_view(row)


async def find_products(db: Database, company_id: UUID, text: str) -> list[dict[str, Any]]:
    """Products on sale whose name or number holds `text`."""
    async with db.transaction(company_id) as conn:
        return [product_view(row) for row in await products.find(conn, company_id, text, PAGE)]


async def product(db: Database, company_id: UUID, product_id: UUID) -> dict[str, Any]:
    """One product."""
    async with db.transaction(company_id) as conn:
        row = await products.get(conn, company_id, product_id)
    if row is None:
        raise NotFound
    return product_view(row)


async def open_drafts(db: Database, company_id: UUID) -> list[dict[str, Any]]:
    """Drafts that aren't issued yet, newest first."""
    async with db.transaction(company_id) as conn:
        return [draft_view(row) for row in await drafts.open_ones(conn, company_id, PAGE)]


async def draft(db: Database, company_id: UUID, draft_id: UUID) -> dict[str, Any]:
    """One draft."""
    async with db.transaction(company_id) as conn:
        row = await drafts.get(conn, company_id, draft_id)
    if row is None:
        raise NotFound
    return draft_view(row)


async def find_invoices(
    db: Database, company_id: UUID, customer_id: UUID | None, start: date, end: date
) -> list[dict[str, Any]]:
    """Issued documents of a period, newest first, with the state of their deliveries."""
    async with db.transaction(company_id) as conn:
        rows = await invoices.search(conn, company_id, customer_id, start, end, PAGE)
        states = await invoices.deliveries(conn, company_id, [r.invoice_id for r in rows])
    return [
        invoice_view(row, [s for s in states if s.invoice_id == row.invoice_id]) for row in rows
    ]


async def invoice(db: Database, company_id: UUID, invoice_id: UUID) -> dict[str, Any]:
    """One issued document, its EN 16931 content included."""
    async with db.transaction(company_id) as conn:
        row = await invoices.get(conn, company_id, invoice_id)
        if row is None:
            raise NotFound
        states = await invoices.deliveries(conn, company_id, [invoice_id])
        content = await invoices.content(conn, company_id, invoice_id)
    return {**invoice_view(row, states), "content": content}


async def all_series(db: Database, company_id: UUID) -> list[dict[str, Any]]:
    """The company's series."""
    async with db.transaction(company_id) as conn:
        rows = await series.of_company(conn, company_id)
    return [
        {
            "series_id": str(r.series_id),
            "kind": r.kind,
            "prefix": r.prefix,
            "width": r.width,
            "last_number": r.last_number,
        }
        for r in rows
    ]
