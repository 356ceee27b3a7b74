"""Plans: which invoices are to be delivered; their documents."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.contracts.billing import Document
from shared.database import Connection

RECEPTIONS, READABLES = 7_240_117, 7_240_118
"""First keys of advisory locks."""


@dataclass(frozen=True)
class PlanRow:
    invoice_id: UUID
    company_id: UUID
    customer_id: UUID
    state: str
    facts: dict[str, Any]
    traceparent: str | None
    cause: UUID
    planned_at: datetime


async def add(conn: Connection, row: PlanRow) -> bool:
    """False when this invoice was planned before."""
    done = await conn.execute(
        "INSERT INTO delivery_plan (invoice_id, company_id, customer_id, state, facts, traceparent, cause, "
        "planned_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (invoice_id) DO NOTHING",
        row.invoice_id,
        row.company_id,
        row.customer_id,
        row.state,
        row.facts,
        row.traceparent,
        row.cause,
        row.planned_at,
    )
    return done == "INSERT 0 1"


async def take_waiting(conn: Connection, company_id: UUID, customer_id: UUID) -> list[PlanRow]:
    """Plans that waited for this customer's settings; they are planned now."""
    records = await conn.fetch(
        "UPDATE delivery_plan SET state = 'planned' "
        "WHERE company_id = $1 AND customer_id = $2 AND state = 'waiting' "
        "RETURNING invoice_id, company_id, customer_id, state, facts, traceparent, cause, planned_at",
        company_id,
        customer_id,
    )
    return [PlanRow(**record) for record in records]


async def get(conn: Connection, company_id: UUID, invoice_id: UUID) -> PlanRow | None:
    record = await conn.fetchrow(
        "SELECT invoice_id, company_id, customer_id, state, facts, traceparent, cause, planned_at "
        "FROM delivery_plan WHERE company_id = $1 AND invoice_id = $2",
        company_id,
        invoice_id,
    )
    return PlanRow(**record) if record else None


async def add_document(
    conn: Connection, invoice_id: UUID, company_id: UUID, role: str, document: Document
) -> None:
    await conn.execute(
        "INSERT INTO document (invoice_id, role, company_id, name, media_type, sha256, content) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
        invoice_id,
        role,
        company_id,
        document.name,
        document.media_type,
        document.sha256,
        document.content,
    )


async def hold_reception(conn: Connection, customer_id: UUID, *, alone: bool = False) -> None:
    """Until the transaction ends, nobody changes the customer's settings while plans read them:
    else a plan could wait for settings that were committed just before it. `alone`: to change them."""
    lock = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
    await conn.execute(
        f"SELECT {lock}({RECEPTIONS}, hashtext($1))",
        str(customer_id),
    )


async def hold_readables(conn: Connection, *, alone: bool = False) -> None:
    """Until the transaction ends, no PDF arrives while deliveries are planned to wait for it; `alone`:
    to take in a PDF. One lock for all, so that batches can't take several in different orders."""
    lock = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
    await conn.execute(f"SELECT {lock}({READABLES}, 0)")


async def has_document(conn: Connection, invoice_id: UUID, role: str) -> bool:
    found: bool = await conn.fetchval(
        "SELECT EXISTS (SELECT FROM document WHERE invoice_id = $1 AND role = $2)", invoice_id, role
    )
    return found
