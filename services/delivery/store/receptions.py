"""How customers want to receive."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from shared.database import Connection


@dataclass(frozen=True)
class WayRow:
    way_id: UUID
    customer_id: UUID
    company_id: UUID
    channel: str
    target: str
    endpoint: str
    route: dict[str, Any]
    secrets: bytes | None
    has_password: bool = False
    public_key: str | None = None
    """Of the private key among the secrets."""


async def version(conn: Connection, company_id: UUID, customer_id: UUID) -> int | None:
    """The version of the settings, locked; None when there are none yet."""
    found: int | None = await conn.fetchval(
        "SELECT version FROM reception WHERE company_id = $1 AND customer_id = $2 FOR UPDATE",
        company_id,
        customer_id,
    )
    return found


async def save(conn: Connection, company_id: UUID, customer_id: UUID, new_version: int) -> bool:
    """False when the customer belongs to another company."""
    done = await conn.execute(
        "INSERT INTO reception (customer_id, company_id, version) VALUES ($1, $2, $3) "
        "ON CONFLICT (customer_id) DO UPDATE SET version = EXCLUDED.version "
        "WHERE reception.company_id = EXCLUDED.company_id",
        customer_id,
        company_id,
        new_version,
    )
    return done == "INSERT 0 1"


async def clear(conn: Connection, company_id: UUID, customer_id: UUID) -> None:
    await conn.execute(
        "DELETE FROM reception_way WHERE company_id = $1 AND customer_id = $2",
        company_id,
        customer_id,
    )


async def add(conn: Connection, row: WayRow) -> None:
    await conn.execute(
        "INSERT INTO reception_way (way_id, customer_id, company_id, channel, target, endpoint, route, secrets, "
        "has_password, public_key) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        row.way_id,
        row.customer_id,
        row.company_id,
        row.channel,
        row.target,
        row.endpoint,
        row.route,
        row.secrets,
        row.has_password,
        row.public_key,
    )


async def ways(conn: Connection, company_id: UUID, customer_id: UUID) -> list[WayRow]:
    records = await conn.fetch(
        "SELECT way_id, customer_id, company_id, channel, target, endpoint, route, secrets, has_password, "
        "public_key FROM reception_way WHERE company_id = $1 AND customer_id = $2 ORDER BY way_id",
        company_id,
        customer_id,
    )
    return [WayRow(**record) for record in records]
