"""The audit table: appended under one lock, read in order, filtered for the screen and for export."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.portal.domain.audit import Entry
from shared.database import Connection


@dataclass(frozen=True)
class AuditLine:
    """One line of the table of actions, with the names of whoever acted and of the company, as far as
    they are known now."""

    position: int
    happened_at: datetime
    actor: str
    actor_name: str
    company_id: UUID | None
    company_name: str
    action: str
    subject: str
    origin: str
    trace_id: str
    detail: dict[str, Any]
    about_name: str
    """Of the user, company or customer that it is about; a customer's as on his newest document."""


@dataclass(frozen=True)
class Filter:
    """What to show: of one company, or of a firm and all its companies; None: no matter."""

    company_id: UUID | None = None
    firm_id: UUID | None = None
    people: Sequence[str] = ()
    """Whose actions outside any company (signing in) belong to it."""
    start: datetime | None = None
    end: datetime | None = None
    action: str | None = None
    actor: str | None = None
    subjects: Sequence[str] | None = None


@dataclass(frozen=True)
class ChainCheck:
    """What the last walk along the chain has found."""

    checked_at: datetime
    entries: int
    broken: list[dict[str, Any]]
    compared: int
    """The newest checkpoint that it was compared with; 0: with none, for the `trouble`."""
    trouble: str
    acknowledged: list[dict[str, Any]]
    """Breaks that were seen by an operator: when, why, and which."""


@dataclass(frozen=True)
class Heard:
    """The newest checkpoint that came back from the broker, beside the end of the chain."""

    entries: int
    position: int
    at: datetime | None


async def lock_head(conn: Connection) -> tuple[int, bytes]:
    """The end of the chain, held: one writer at a time."""
    record = await conn.fetchrow("SELECT position, hash FROM audit_head FOR UPDATE")
    if record is None:
        raise LookupError("the audit chain has no head")
    return record["position"], record["hash"]


async def head(conn: Connection) -> tuple[int, bytes]:
    record = await conn.fetchrow("SELECT position, hash FROM audit_head")
    return (record["position"], record["hash"]) if record else (0, b"")


async def sealed(conn: Connection) -> tuple[int, datetime | None]:
    """The position of the last checkpoint, and when it was made."""
    record = await conn.fetchrow("SELECT sealed, sealed_at FROM audit_head")
    return (record["sealed"], record["sealed_at"]) if record else (0, None)


async def mark_sealed(conn: Connection, position: int, moment: datetime) -> None:
    await conn.execute("UPDATE audit_head SET sealed = $1, sealed_at = $2", position, moment)


async def mark_heard(conn: Connection, position: int, sealed_at: datetime) -> None:
    """A checkpoint came back from the broker; an older one changes nothing."""
    await conn.execute(
        "UPDATE audit_head SET heard = $1, heard_at = $2 WHERE heard_at IS NULL OR heard_at < $2",
        position,
        sealed_at,
    )


async def heard(conn: Connection) -> Heard:
    record = await conn.fetchrow(
        "SELECT position AS entries, heard AS position, heard_at AS at FROM audit_head"
    )
    return Heard(**record) if record else Heard(0, 0, None)


async def stand_still(conn: Connection) -> None:
    """What this transaction reads, its head and its entries, is of one moment."""
    await conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


async def known(conn: Connection, event_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the events that are in the chain."""
    records = await conn.fetch("SELECT event_id FROM audit WHERE event_id = ANY($1)", event_ids)
    return {record["event_id"] for record in records}


async def newest_states(conn: Connection, subjects: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """What the newest entry about each of these memberships and profiles tells."""
    records = await conn.fetch(
        "SELECT DISTINCT ON (subject) subject, detail FROM audit "
        "WHERE subject = ANY($1) AND action IN ('membership.changed', 'profile.changed') "
        "ORDER BY subject, position DESC",
        subjects,
    )
    return {record["subject"]: record["detail"] for record in records}


async def append(conn: Connection, entries: Sequence[Entry]) -> None:
    await conn.executemany(
        "INSERT INTO audit (position, event_id, happened_at, company_id, actor, action, subject, trace_id, "
        "detail, hash, origin) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
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
                entry.origin,
            )
            for entry in entries
        ],
    )


async def move_head(conn: Connection, position: int, digest: bytes) -> None:
    await conn.execute("UPDATE audit_head SET position = $1, hash = $2", position, digest)


async def walk(conn: Connection) -> AsyncIterator[Entry]:
    """Every entry from the beginning, in constant memory."""
    query = (
        "SELECT position, event_id, happened_at, company_id, actor, action, subject, trace_id, detail, hash, "
        "origin FROM audit ORDER BY position"
    )
    async for record in conn.cursor(query, prefetch=1000):
        yield Entry(**record)


LINES = r"""
    SELECT a.position, a.happened_at, a.actor, coalesce(p.name, '') AS actor_name, a.company_id,
           coalesce(c.name, '') AS company_name, a.action, a.subject, a.origin, a.trace_id, a.detail,
           CASE WHEN a.action IN ('membership.changed', 'session.revoked') OR a.action LIKE 'invitation\_%'
                THEN trim(coalesce(u.name, ''))
                WHEN a.action ~ '^(company|subscription|billing)\.' THEN coalesce(c.name, '')
                ELSE coalesce(b.buyer_name, '') END AS about_name
    FROM audit a
    LEFT JOIN access.companies c ON c.company_id = a.company_id
    LEFT JOIN LATERAL (
        SELECT m.first_name || ' ' || m.last_name AS name FROM access.memberships m
        WHERE m.user_id = CASE WHEN a.actor ~ '^(user|api_key):[0-9a-f-]{36}$'
                               THEN split_part(a.actor, ':', 2)::uuid END
        ORDER BY m.active DESC, m.membership_id DESC LIMIT 1) p ON true
    LEFT JOIN LATERAL (
        SELECT m.first_name || ' ' || m.last_name AS name FROM access.memberships m
        WHERE m.user_id = CASE WHEN a.action IN ('membership.changed', 'session.revoked')
                               THEN (a.detail->>'user_id')::uuid
                               WHEN a.action LIKE 'invitation\_%' AND a.detail->>'detail' ~ '^[0-9a-f-]{36}$'
                               THEN (a.detail->>'detail')::uuid END
        ORDER BY (m.company_id = a.company_id) IS TRUE DESC, m.active DESC, m.membership_id DESC LIMIT 1) u ON true
    LEFT JOIN LATERAL (
        SELECT i.buyer_name FROM invoice_face i
        WHERE i.customer_id = CASE WHEN a.action IN ('customer.changed', 'reception.changed', 'draft.edited')
                                   THEN (a.detail->>'customer_id')::uuid END
          AND i.company_id = a.company_id ORDER BY i.issued_at DESC LIMIT 1) b ON true
    WHERE (a.company_id = $1 OR ($1::uuid IS NULL AND a.company_id IN (
               SELECT company_id FROM access.companies WHERE firm_id = $2 OR company_id = $2))
           OR (a.company_id IS NULL AND a.actor = ANY($3::text[])))
      AND ($4::timestamptz IS NULL OR a.happened_at >= $4)
      AND ($5::timestamptz IS NULL OR a.happened_at < $5)
      AND ($6::text IS NULL OR a.action = $6) AND ($7::text IS NULL OR a.actor = $7)
      AND ($8::text[] IS NULL OR a.subject = ANY($8)) AND ($9::bigint IS NULL OR a.position < $9)
    ORDER BY a.position DESC LIMIT $10
"""


def _arguments(wanted: Filter) -> tuple[Any, ...]:
    return (
        wanted.company_id,
        wanted.firm_id,
        list(wanted.people),
        wanted.start,
        wanted.end,
        wanted.action,
        wanted.actor,
        None if wanted.subjects is None else list(wanted.subjects),
    )


async def lines(
    conn: Connection, wanted: Filter, limit: int, before: int | None = None
) -> list[AuditLine]:
    """Newest first, from the one before position `before` on."""
    records = await conn.fetch(LINES, *_arguments(wanted), before, limit)
    return [AuditLine(**record) for record in records]


async def stream(conn: Connection, wanted: Filter) -> AsyncIterator[AuditLine]:
    """All of them in the same order, in constant memory."""
    async for record in conn.cursor(LINES, *_arguments(wanted), None, None, prefetch=1000):
        yield AuditLine(**record)


async def count(conn: Connection, wanted: Filter) -> int:
    """How many lines there are."""
    found: int = await conn.fetchval(
        "SELECT count(*) FROM audit a WHERE (a.company_id = $1 OR ($1::uuid IS NULL AND a.company_id IN ("
        "  SELECT company_id FROM access.companies WHERE firm_id = $2 OR company_id = $2)) "
        "  OR (a.company_id IS NULL AND a.actor = ANY($3::text[]))) "
        "AND ($4::timestamptz IS NULL OR a.happened_at >= $4) "
        "AND ($5::timestamptz IS NULL OR a.happened_at < $5) "
        "AND ($6::text IS NULL OR a.action = $6) AND ($7::text IS NULL OR a.actor = $7) "
        "AND ($8::text[] IS NULL OR a.subject = ANY($8))",
        *_arguments(wanted),
    )
    return found


async def keep_check(conn: Connection, check: ChainCheck) -> None:
    """The newest one takes the place of the one before."""
    await conn.execute(
        "INSERT INTO audit_check (checked_at, entries, broken, compared, trouble, acknowledged) "
        "VALUES ($1, $2, $3, $4, $5, $6) "
        "ON CONFLICT (only_one) DO UPDATE SET checked_at = EXCLUDED.checked_at, "
        "entries = EXCLUDED.entries, broken = EXCLUDED.broken, compared = EXCLUDED.compared, "
        "trouble = EXCLUDED.trouble, acknowledged = EXCLUDED.acknowledged",
        check.checked_at,
        check.entries,
        check.broken,
        check.compared,
        check.trouble,
        check.acknowledged,
    )


async def last_check(conn: Connection) -> ChainCheck | None:
    record = await conn.fetchrow(
        "SELECT checked_at, entries, broken, compared, trouble, acknowledged FROM audit_check"
    )
    return ChainCheck(**record) if record else None
