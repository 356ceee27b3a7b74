"""The acting company, as this service has heard of it."""

from typing import Any
from uuid import UUID

from shared.database import Connection


async def state(conn: Connection, company_id: UUID) -> dict[str, Any] | None:
    """Legal information as published by identity, with `missing_legal_fields`."""
    found: dict[str, Any] | None = await conn.fetchval(
        "SELECT state FROM access.companies WHERE company_id = $1", company_id
    )
    return found
