"""Deliveries: made, listed, moved on."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.database import Connection


@dataclass(frozen=True)
class DeliveryRow:
    delivery_id: UUID
    invoice_id: UUID
    company_id: UUID
    channel: str
    target: str
    endpoint: str
    route: dict[str, Any]
    secrets: bytes | None
    secrets_row: UUID | None
    state: str
    attempt: int
    next_attempt_at: datetime
    resend_of: UUID | None
    traceparent: str | None
    cause: UUID
    created_at: datetime
    version: int
    parked_at: datetime | None = None

    @property
    def parked(self) -> bool:
        """Whether it waits behind its endpoint's circuit breaker."""
        return self.parked_at is not None and self.state in ("due", "unknown")

    """Since when it waits for its endpoint's breaker to close."""


async def add(conn: Connection, row: DeliveryRow) -> None:
    await conn.execute(
        "INSERT INTO delivery (delivery_id, invoice_id, company_id, channel, target, endpoint, route, "
        "secrets, secrets_row, state, attempt, next_attempt_at, resend_of, traceparent, cause, created_at, "
        "version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
        row.delivery_id,
        row.invoice_id,
        row.company_id,
        row.channel,
        row.target,
        row.endpoint,
        row.route,
        row.secrets,
        row.secrets_row,
        row.state,
        row.attempt,
        row.next_attempt_at,
        row.resend_of,
        row.traceparent,
        row.cause,
        row.created_at,
        row.version,
    )


async def release_waiting(conn: Connection, invoice_id: UUID, now: datetime) -> list[str]:
    """Deliveries that waited for the PDF are due now; returns their channels."""
    records = await conn.fetch(
        "UPDATE delivery SET state = 'due', next_attempt_at = $2 "
        "WHERE invoice_id = $1 AND state = 'waiting' RETURNING channel",
        invoice_id,
        now,
    )
    return [record["channel"] for record in records]


async def get(conn: Connection, company_id: UUID, delivery_id: UUID) -> DeliveryRow | None:
    record = await conn.fetchrow(
        "SELECT delivery_id, invoice_id, company_id, channel, target, endpoint, route, secrets, secrets_row, "
        "state, attempt, next_attempt_at, resend_of, traceparent, cause, created_at, version, parked_at "
        "FROM delivery WHERE company_id = $1 AND delivery_id = $2 FOR UPDATE",
        company_id,
        delivery_id,
    )
    return DeliveryRow(**record) if record else None


async def planned_at(conn: Connection, company_id: UUID, delivery_id: UUID) -> datetime | None:
    """None when there is no such delivery."""
    found: datetime | None = await conn.fetchval(
        "SELECT created_at FROM delivery WHERE company_id = $1 AND delivery_id = $2",
        company_id,
        delivery_id,
    )
    return found


async def listed(
    conn: Connection,
    company_id: UUID,
    state: str | None,
    invoice_id: UUID | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
    parked: bool | None = None,
) -> list[DeliveryRow]:
    """Newest first; from the one that follows `after`, the last one seen."""
    records = await conn.fetch(
        "SELECT delivery_id, invoice_id, company_id, channel, target, endpoint, route, secrets, secrets_row, "
        "state, attempt, next_attempt_at, resend_of, traceparent, cause, created_at, version, parked_at "
        "FROM delivery WHERE company_id = $1 AND ($2::text IS NULL OR state = $2) "
        "AND ($3::uuid IS NULL OR invoice_id = $3) "
        "AND ($5::timestamptz IS NULL OR (created_at, delivery_id) < ($5, $6)) "
        "AND ($7::boolean IS NULL "
        "  OR $7 = (parked_at IS NOT NULL AND state IN ('due', 'unknown'))) "
        "ORDER BY created_at DESC, delivery_id DESC LIMIT $4",
        company_id,
        state,
        invoice_id,
        limit,
        *(after or (None, None)),
        parked,
    )
    return [DeliveryRow(**record) for record in records]


async def listed_everywhere(conn: Connection, state: str | None, limit: int) -> list[DeliveryRow]:
    """For operators: of every company, newest first."""
    records = await conn.fetch(
        "SELECT delivery_id, invoice_id, company_id, channel, target, endpoint, route, secrets, secrets_row, "
        "state, attempt, next_attempt_at, resend_of, traceparent, cause, created_at, version, parked_at "
        "FROM delivery WHERE ($1::text IS NULL OR state = $1) ORDER BY created_at DESC LIMIT $2",
        state,
        limit,
    )
    return [DeliveryRow(**record) for record in records]


async def counts(conn: Connection) -> dict[tuple[str, str], int]:
    """How many deliveries by channel and state, of every company."""
    records = await conn.fetch(
        "SELECT channel, state, count(*) AS n FROM delivery GROUP BY channel, state"
    )
    return {(r["channel"], r["state"]): r["n"] for r in records}


async def being_resent(conn: Connection, company_id: UUID, delivery_id: UUID) -> bool:
    """Whether a resend of this delivery is still under way."""
    found: bool = await conn.fetchval(
        "SELECT EXISTS (SELECT FROM delivery d JOIN delivery old USING (invoice_id) "
        "WHERE old.company_id = $1 AND old.delivery_id = $2 AND d.resend_of = old.delivery_id "
        "AND d.state NOT IN ('delivered', 'exhausted', 'refused', 'undecided', 'cancelled', 'bounced'))",
        company_id,
        delivery_id,
    )
    return found


async def decide(conn: Connection, company_id: UUID, delivery_id: UUID) -> int | None:
    """A person says that it arrived; the new version, None unless it waits for a person."""
    version: int | None = await conn.fetchval(
        "UPDATE delivery SET state = 'delivered', prepared = NULL, version = version + 1 "
        "WHERE company_id = $1 AND delivery_id = $2 AND state = 'undecided' RETURNING version",
        company_id,
        delivery_id,
    )
    return version


async def cancel(conn: Connection, company_id: UUID, delivery_id: UUID) -> bool:
    """Only what isn't on its way or over."""
    done = await conn.execute(
        "UPDATE delivery SET state = 'cancelled', version = version + 1 WHERE company_id = $1 "
        "AND delivery_id = $2 AND state IN ('waiting', 'due', 'exhausted', 'refused', 'undecided', 'bounced')",
        company_id,
        delivery_id,
    )
    return done == "UPDATE 1"
