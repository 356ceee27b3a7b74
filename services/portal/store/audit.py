"""The audit table: appended under one lock, read in order, filtered for the screen and for export."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.portal.domain.audit import Entry
from shared.database import Connection


@dataclass(frozen=True)
class AuditLine:
    """One line of the table of actions, with the name of whoever acted as far as it is known now."""

    position: int
    happened_at: datetime
    actor: str
    actor_name: str
    action: str
    subject: str
    trace_id: str
    detail: dict[str, Any]


@dataclass(frozen=True)
class Filter:
    """What to show; None: everything."""

    company_id: UUID
    start: datetime | None = None
    end: datetime | None = None
    action: str | None = None
    actor: str | None = None
    subject: str | None = None


async def lock_head(conn: Connection) -> tuple[int, bytes]:
    """The end of the chain, held: one writer at a time."""
    record = await conn.fetchrow("SELECT position, hash FROM audit_head FOR UPDATE")
    if record is None:
        raise LookupError("the audit chain has no head")
    return record["position"], record["hash"]


async def head(conn: Connection) -> tuple[int, bytes]:
    record = await conn.fetchrow("SELECT position, hash FROM audit_head")
    return (record["position"], record["hash"]) if record else (0, b"")


async def known(conn: Connection, event_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the events that are in the chain."""
    records = await conn.fetch("SELECT event_id FROM audit WHERE event_id = ANY($1)", event_ids)
    return {record["event_id"] for record in records}


async def append(conn: Connection, entries: Sequence[Entry]) -> None:
    await conn.executemany(
        "INSERT INTO audit (position, event_id, happened_at, company_id, actor, action, subject, trace_id, "
        "detail, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        [
            (
                entry.position,
                entry.event_id,
                entry.happened_at,
                entry.company_id,
                entry.actor,
                entry.action,
                entry.subject,
                entry.trace_id,
                entry.detail,
                entry.hash,
            )
            for entry in entries
        ],
    )


async def move_head(conn: Connection, position: int, digest: bytes) -> None:
    await conn.execute("UPDATE audit_head SET position = $1, hash = $2", position, digest)


async def walk(conn: Connection) -> AsyncIterator[Entry]:
    """Every entry from the beginning, in constant memory."""
    query = (
        "SELECT position, event_id, happened_at, company_id, actor, action, subject, trace_id, detail, hash "
        "FROM audit ORDER BY position"
    )
    async for record in conn.cursor(query, prefetch=1000):
        yield Entry(**record)


async def lines(conn: Connection, wanted: Filter, limit: int) -> list[AuditLine]:
    """Newest first."""
    records = await conn.fetch(
        "SELECT a.position, a.happened_at, a.actor, coalesce(p.name, '') AS actor_name, a.action, a.subject, "
        "a.trace_id, a.detail FROM audit a LEFT JOIN LATERAL (SELECT first_name || ' ' || last_name AS name "
        "  FROM access.memberships m WHERE 'user:' || m.user_id = a.actor LIMIT 1) p ON true "
        "WHERE a.company_id = $1 AND ($2::timestamptz IS NULL OR a.happened_at >= $2) "
        "AND ($3::timestamptz IS NULL OR a.happened_at < $3) AND ($4::text IS NULL OR a.action = $4) "
        "AND ($5::text IS NULL OR a.actor = $5) AND ($6::text IS NULL OR a.subject = $6) "
        "ORDER BY a.position DESC LIMIT $7",
        wanted.company_id,
        wanted.start,
        wanted.end,
        wanted.action,
        wanted.actor,
        wanted.subject,
        limit,
    )
    return [AuditLine(**record) for record in records]


async def stream(conn: Connection, wanted: Filter) -> AsyncIterator[AuditLine]:
    """The same, oldest first and without a limit, in constant memory."""
    query = (
        "SELECT a.position, a.happened_at, a.actor, coalesce(p.name, '') AS actor_name, a.action, a.subject, "
        "a.trace_id, a.detail FROM audit a LEFT JOIN LATERAL (SELECT first_name || ' ' || last_name AS name "
        "  FROM access.memberships m WHERE 'user:' || m.user_id = a.actor LIMIT 1) p ON true "
        "WHERE a.company_id = $1 AND ($2::timestamptz IS NULL OR a.happened_at >= $2) "
        "AND ($3::timestamptz IS NULL OR a.happened_at < $3) AND ($4::text IS NULL OR a.action = $4) "
        "AND ($5::text IS NULL OR a.actor = $5) AND ($6::text IS NULL OR a.subject = $6) ORDER BY a.position"
    )
    arguments = (
        wanted.company_id, wanted.start, wanted.end, wanted.action, wanted.actor, wanted.subject,
    )  # fmt: skip
    async for record in conn.cursor(query, *arguments, prefetch=1000):
        yield AuditLine(**record)
