"""The readable form of an issued invoice: work to do, then the bytes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.database import Connection


@dataclass(frozen=True)
class DueRendering:
    invoice_id: UUID
    company_id: UUID
    number: str
    language: str
    attempts: int
    content: dict[str, Any]


async def plan(conn: Connection, company_id: UUID, invoice_id: UUID, at: datetime) -> None:
    """To be rendered by `at`, sooner when there is leisure or somebody needs it (`hasten`)."""
    await conn.execute(
        "INSERT INTO rendering (invoice_id, company_id, next_attempt_at) VALUES ($1, $2, $3)",
        invoice_id,
        company_id,
        at,
    )


async def hasten(conn: Connection, invoice_ids: Sequence[UUID], now: datetime) -> None:
    """Somebody needs these now; one that failed before keeps its turn."""
    await conn.execute(
        "UPDATE rendering SET next_attempt_at = $2 WHERE invoice_id = ANY($1) AND pdf IS NULL "
        "AND attempts = 0 AND next_attempt_at > $2",
        invoice_ids,
        now,
    )


async def lease(
    conn: Connection, now: datetime, until: datetime, limit: int, *, leisure: bool = False
) -> list[DueRendering]:
    """Take what is due, with `leisure` also what nobody needs yet; it comes back at `until` if this
    process dies."""
    records = await conn.fetch(
        "WITH due AS (SELECT invoice_id FROM rendering WHERE pdf IS NULL "
        "  AND (next_attempt_at <= $1 OR ($4 AND attempts = 0)) "
        "  ORDER BY next_attempt_at LIMIT $3 FOR UPDATE SKIP LOCKED), "
        "taken AS (UPDATE rendering r SET next_attempt_at = $2, attempts = attempts + 1 FROM due "
        "  WHERE r.invoice_id = due.invoice_id RETURNING r.invoice_id, r.attempts) "
        "SELECT i.invoice_id, i.company_id, i.number, i.language, t.attempts, i.content "
        "FROM taken t JOIN invoice i USING (invoice_id)",
        now,
        until,
        limit,
        leisure,
    )
    return [DueRendering(**record) for record in records]


async def count_due(conn: Connection) -> int:
    """What somebody waits for, and what is tried again later; not what is made at leisure."""
    found: int = await conn.fetchval(
        "SELECT count(*) FROM rendering WHERE pdf IS NULL "
        "AND (next_attempt_at <= now() OR attempts > 0)"
    )
    return found


async def store(conn: Connection, invoice_id: UUID, pdf: bytes, sha256: str) -> bool:
    """False when it was rendered already: those bytes stay."""
    done = await conn.execute(
        "UPDATE rendering SET pdf = $2, sha256 = $3, last_error = NULL WHERE invoice_id = $1 AND pdf IS NULL",
        invoice_id,
        pdf,
        sha256,
    )
    return done == "UPDATE 1"


async def postpone(conn: Connection, invoice_id: UUID, until: datetime, error: str) -> None:
    await conn.execute(
        "UPDATE rendering SET next_attempt_at = $2, last_error = $3 WHERE invoice_id = $1 AND pdf IS NULL",
        invoice_id,
        until,
        error,
    )


async def pdf(conn: Connection, company_id: UUID, invoice_id: UUID) -> bytes | None:
    found: bytes | None = await conn.fetchval(
        "SELECT pdf FROM rendering WHERE company_id = $1 AND invoice_id = $2",
        company_id,
        invoice_id,
    )
    return found
