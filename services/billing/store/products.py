"""Products."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.database import Connection


@dataclass(frozen=True)
class ProductRow:
    product_id: UUID
    company_id: UUID
    state: dict[str, Any]
    active: bool
    version: int


async def add(conn: Connection, row: ProductRow, now: datetime) -> bool:
    """False when a product with that id is there already; UniqueViolationError for a number in use."""
    done = await conn.execute(
        "INSERT INTO product (product_id, company_id, state, active, created_at, version) "
        "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (product_id) DO NOTHING",
        row.product_id,
        row.company_id,
        row.state,
        row.active,
        now,
        row.version,
    )
    return done == "INSERT 0 1"


async def save(conn: Connection, row: ProductRow) -> None:
    """UniqueViolationError for a number in use."""
    await conn.execute(
        "UPDATE product SET state = $3, active = $4, version = $5 WHERE company_id = $1 AND product_id = $2",
        row.company_id,
        row.product_id,
        row.state,
        row.active,
        row.version,
    )


async def get(conn: Connection, company_id: UUID, product_id: UUID) -> ProductRow | None:
    record = await conn.fetchrow(
        "SELECT product_id, company_id, state, active, version FROM product "
        "WHERE company_id = $1 AND product_id = $2",
        company_id,
        product_id,
    )
    return ProductRow(**record) if record else None


async def lock(conn: Connection, company_id: UUID, product_id: UUID) -> ProductRow | None:
    record = await conn.fetchrow(
        "SELECT product_id, company_id, state, active, version FROM product "
        "WHERE company_id = $1 AND product_id = $2 FOR UPDATE",
        company_id,
        product_id,
    )
    return ProductRow(**record) if record else None


async def find(conn: Connection, company_id: UUID, text: str, limit: int) -> list[ProductRow]:
    """Those on sale whose name or number holds `text`, by name."""
    records = await conn.fetch(
        "SELECT product_id, company_id, state, active, version FROM product "
        "WHERE company_id = $1 AND active AND (strpos(lower(state->>'name'), lower($2)) > 0 "
        "OR strpos(lower(coalesce(state->>'number', '')), lower($2)) > 0) "
        "ORDER BY state->>'name', product_id LIMIT $3",
        company_id,
        text,
        limit,
    )
    return [ProductRow(**record) for record in records]
