"""Drafts."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from shared.database import Connection


@dataclass(frozen=True)
class DraftRow:
    draft_id: UUID
    company_id: UUID
    customer_id: UUID
    series_id: UUID | None
    kind: str
    content: dict[str, Any] | None
    posted_ubl: bytes | None
    own_date: date | None
    invoice_id: UUID | None
    version: int


async def add(conn: Connection, row: DraftRow, now: datetime) -> bool:
    """False when a draft with that id is there already."""
    done = await conn.execute(
        "INSERT INTO draft (draft_id, company_id, customer_id, series_id, kind, content, posted_ubl, "
        "own_date, invoice_id, created_at, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) "
        "ON CONFLICT (draft_id) DO NOTHING",
        row.draft_id,
        row.company_id,
        row.customer_id,
        row.series_id,
        row.kind,
        row.content,
        row.posted_ubl,
        row.own_date,
        row.invoice_id,
        now,
        row.version,
    )
    return done == "INSERT 0 1"


async def save(conn: Connection, row: DraftRow) -> None:
    await conn.execute(
        "UPDATE draft SET customer_id = $3, series_id = $4, content = $5, version = $6 "
        "WHERE company_id = $1 AND draft_id = $2",
        row.company_id,
        row.draft_id,
        row.customer_id,
        row.series_id,
        row.content,
        row.version,
    )


async def get(conn: Connection, company_id: UUID, draft_id: UUID) -> DraftRow | None:
    record = await conn.fetchrow(
        "SELECT draft_id, company_id, customer_id, series_id, kind, content, posted_ubl, own_date, "
        "invoice_id, version FROM draft WHERE company_id = $1 AND draft_id = $2",
        company_id,
        draft_id,
    )
    return DraftRow(**record) if record else None


async def lock(conn: Connection, company_id: UUID, draft_id: UUID) -> DraftRow | None:
    record = await conn.fetchrow(
        "SELECT draft_id, company_id, customer_id, series_id, kind, content, posted_ubl, own_date, "
        "invoice_id, version FROM draft WHERE company_id = $1 AND draft_id = $2 FOR UPDATE",
        company_id,
        draft_id,
    )
    return DraftRow(**record) if record else None


async def issued_as(conn: Connection, draft_id: UUID, invoice_id: UUID) -> None:
    await conn.execute("UPDATE draft SET invoice_id = $2 WHERE draft_id = $1", draft_id, invoice_id)


async def remove(conn: Connection, company_id: UUID, draft_id: UUID) -> bool:
    done = await conn.execute(
        "DELETE FROM draft WHERE company_id = $1 AND draft_id = $2 AND invoice_id IS NULL",
        company_id,
        draft_id,
    )
    return done == "DELETE 1"


async def open_ones(conn: Connection, company_id: UUID, limit: int) -> list[DraftRow]:
    records = await conn.fetch(
        "SELECT draft_id, company_id, customer_id, series_id, kind, content, posted_ubl, own_date, "
        "invoice_id, version FROM draft WHERE company_id = $1 AND invoice_id IS NULL "
        "ORDER BY created_at DESC LIMIT $2",
        company_id,
        limit,
    )
    return [DraftRow(**record) for record in records]
