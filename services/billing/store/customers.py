"""Customers."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.database import Connection


@dataclass(frozen=True)
class CustomerRow:
    customer_id: UUID
    company_id: UUID
    state: dict[str, Any]
    active: bool
    version: int


async def add(conn: Connection, row: CustomerRow, now: datetime) -> bool:
    """False when a customer with that id is there already."""
    done = await conn.execute(
        "INSERT INTO customer (customer_id, company_id, state, active, created_at, version) "
        "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (customer_id) DO NOTHING",
        row.customer_id,
        row.company_id,
        row.state,
        row.active,
        now,
        row.version,
    )
    return done == "INSERT 0 1"


async def save(conn: Connection, row: CustomerRow) -> None:
    await conn.execute(
        "UPDATE customer SET state = $3, active = $4, version = $5 WHERE company_id = $1 AND customer_id = $2",
        row.company_id,
        row.customer_id,
        row.state,
        row.active,
        row.version,
    )


async def get(conn: Connection, company_id: UUID, customer_id: UUID) -> CustomerRow | None:
    record = await conn.fetchrow(
        "SELECT customer_id, company_id, state, active, version FROM customer "
        "WHERE company_id = $1 AND customer_id = $2",
        company_id,
        customer_id,
    )
    return CustomerRow(**record) if record else None


async def lock(conn: Connection, company_id: UUID, customer_id: UUID) -> CustomerRow | None:
    record = await conn.fetchrow(
        "SELECT customer_id, company_id, state, active, version FROM customer "
        "WHERE company_id = $1 AND customer_id = $2 FOR UPDATE",
        company_id,
        customer_id,
    )
    return CustomerRow(**record) if record else None


async def find(conn: Connection, company_id: UUID, text: str, limit: int) -> list[CustomerRow]:
    records = await conn.fetch(
        "SELECT customer_id, company_id, state, active, version FROM customer "
        "WHERE company_id = $1 AND active AND strpos(lower(state->>'name'), lower($2)) > 0 "
        "ORDER BY state->>'name', customer_id LIMIT $3",
        company_id,
        text,
        limit,
    )
    return [CustomerRow(**record) for record in records]


async def by_vat_number(conn: Connection, company_id: UUID, vat_number: str) -> CustomerRow | None:
    record = await conn.fetchrow(
        "SELECT customer_id, company_id, state, active, version FROM customer "
        "WHERE company_id = $1 AND active AND replace(state->>'vat_number', ' ', '') = $2 LIMIT 1",
        company_id,
        vat_number,
    )
    return CustomerRow(**record) if record else None
