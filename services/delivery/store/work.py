"""Work for the workers of a channel: leased with SKIP LOCKED, fenced against late ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.database import Connection


@dataclass(frozen=True)
class Leased:
    """A delivery that this worker holds until the lease ends."""

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
    fence: int
    prepared: bytes | None
    handed_over: bool
    traceparent: str | None
    cause: UUID
    created_at: datetime
    version: int


@dataclass(frozen=True)
class AttemptRow:
    delivery_id: UUID
    attempt: int
    step: int
    company_id: UUID
    kind: str
    started_at: datetime
    ended_at: datetime
    outcome: str
    code: str
    words: str
    proof: dict[str, str]
    evidence: bytes | None


async def lease(
    conn: Connection, channels: list[str], now: datetime, until: datetime, limit: int
) -> list[Leased]:
    """Take what is due: 'due' is to be sent ('leased'), 'unknown' to be settled ('settling').

    Deliveries to an endpoint whose breaker isn't closed are left alone (and parked: store/breakers.py), but
    for the breaker's probe.
    """
    records = await conn.fetch(
        "WITH due AS (SELECT one.delivery_id FROM unnest($1::text[]) AS wanted(channel) CROSS JOIN LATERAL ("
        "  SELECT d.delivery_id, d.next_attempt_at FROM delivery d WHERE d.channel = wanted.channel "
        "  AND d.state IN ('due', 'unknown') AND d.parked_at IS NULL AND d.next_attempt_at <= $2 "
        "  AND CASE WHEN d.channel = 'email' AND d.state = 'unknown' THEN true "
        "    WHEN d.delivery_id = ANY(ARRAY(SELECT probe FROM endpoint WHERE open_until IS NOT NULL)) THEN true "
        "    ELSE d.endpoint <> ALL(ARRAY(SELECT endpoint FROM endpoint WHERE open_until IS NOT NULL)) END "
        "  ORDER BY d.next_attempt_at LIMIT $4 FOR UPDATE OF d SKIP LOCKED) one "
        "  ORDER BY one.next_attempt_at LIMIT $4) "
        "UPDATE delivery d SET state = CASE d.state WHEN 'due' THEN 'leased' ELSE 'settling' END, "
        "  lease_until = $3, fence = d.fence + 1 FROM due WHERE d.delivery_id = due.delivery_id "
        "RETURNING d.delivery_id, d.invoice_id, d.company_id, d.channel, d.target, d.endpoint, d.route, "
        "  d.secrets, d.secrets_row, d.state, d.attempt, d.fence, d.prepared, d.handed_over, "
        "  d.traceparent, d.cause, d.created_at, d.version",
        channels,
        now,
        until,
        limit,
    )
    return [Leased(**record) for record in records]


async def wake(conn: Connection, channels: Sequence[str], now: datetime) -> None:
    """Notify the workers of those channels on which something is due (`LISTEN due_<channel>`)."""
    await conn.execute(
        "SELECT pg_notify('due_' || named.channel, '') FROM unnest($1::text[]) AS named(channel) WHERE EXISTS ("
        "SELECT FROM delivery d WHERE d.channel = named.channel AND d.state IN ('due', 'unknown') "
        "AND d.parked_at IS NULL AND d.next_attempt_at <= $2)",
        channels,
        now,
    )


async def reclaim(conn: Connection, channels: list[str], now: datetime) -> int:
    """Leases that ended with their worker: not begun → due again; begun → unknown, never due."""
    done = await conn.execute(
        "UPDATE delivery SET state = CASE state WHEN 'leased' THEN 'due' ELSE 'unknown' END, "
        "  next_attempt_at = $2, lease_until = NULL, fence = fence + 1 "
        "WHERE channel = ANY($1) AND state IN ('leased', 'sending', 'settling') AND lease_until < $2",
        channels,
        now,
    )
    return int(done.split()[-1])


async def give_back(conn: Connection, held: list[tuple[UUID, int]], now: datetime) -> None:
    """Leases whose holder couldn't begin, and knows that nothing was sent: due again at once."""
    await conn.execute(
        "UPDATE delivery d SET state = CASE d.state WHEN 'settling' THEN 'unknown' ELSE 'due' END, "
        "  next_attempt_at = $3, lease_until = NULL, fence = d.fence + 1 "
        "FROM unnest($1::uuid[], $2::bigint[]) AS held(id, fence) "
        "WHERE d.delivery_id = held.id AND d.fence = held.fence "
        "AND d.state IN ('leased', 'sending', 'settling')",
        [delivery_id for delivery_id, _ in held],
        [fence for _, fence in held],
        now,
    )


async def begin(
    conn: Connection,
    delivery_id: UUID,
    fence: int,
    attempt: int,
    prepared: bytes | None,
    until: datetime,
) -> bool:
    """Commit that sending begins, with the exact bytes; False when another worker has it by now.

    May be repeated when its commit wasn't confirmed: only the holder of the fence begins.
    """
    done = await conn.execute(
        "UPDATE delivery SET state = 'sending', attempt = $3, prepared = coalesce(prepared, $4), "
        "  handed_over = false, lease_until = $5 "
        "WHERE delivery_id = $1 AND fence = $2 AND state IN ('leased', 'sending')",
        delivery_id,
        fence,
        attempt,
        prepared,
        until,
    )
    return done == "UPDATE 1"


async def hand_over(conn: Connection, delivery_id: UUID, fence: int) -> bool:
    """Commit that the attempt's last step is taken; False when another worker has the delivery by now."""
    done = await conn.execute(
        "UPDATE delivery SET handed_over = true "
        "WHERE delivery_id = $1 AND fence = $2 AND state IN ('sending', 'settling')",
        delivery_id,
        fence,
    )
    return done == "UPDATE 1"


async def extend(conn: Connection, held: list[tuple[UUID, int]], until: datetime) -> None:
    """Keep the leases of what is still under way: delivery and fence, so never another worker's."""
    await conn.execute(
        "UPDATE delivery d SET lease_until = $3 FROM unnest($1::uuid[], $2::bigint[]) AS held(id, fence) "
        "WHERE d.delivery_id = held.id AND d.fence = held.fence "
        "AND d.state IN ('leased', 'sending', 'settling')",
        [delivery_id for delivery_id, _ in held],
        [fence for _, fence in held],
        until,
    )


async def finish(
    conn: Connection,
    delivery_id: UUID,
    fence: int,
    attempt: int,
    state: str,
    next_attempt_at: datetime | None,
    *,
    prepare_again: bool = False,
) -> int | None:
    """Move on to `state`; the new version, or None when the fence has moved (a late worker).

    `prepare_again` forgets the prepared bytes. A delivery that arrived shows that its endpoint works:
    its failures are forgotten.
    """
    version: int | None = await conn.fetchval(
        "WITH works AS (DELETE FROM endpoint WHERE $4 = 'delivered' AND endpoint = "
        "  (SELECT endpoint FROM delivery WHERE delivery_id = $1)) "
        "UPDATE delivery SET state = $4, attempt = $3, next_attempt_at = coalesce($5, next_attempt_at), "
        "  lease_until = NULL, prepared = CASE WHEN $4 = 'delivered' OR $6 THEN NULL ELSE prepared END, "
        "  version = version + 1 "
        "WHERE delivery_id = $1 AND fence = $2 AND state IN ('leased', 'sending', 'settling') RETURNING version",
        delivery_id,
        fence,
        attempt,
        state,
        next_attempt_at,
        prepare_again,
    )
    return version


async def prove_late(conn: Connection, delivery_id: UUID) -> int | None:
    """A proof that comes after the lease still is one; None when it is delivered already."""
    version: int | None = await conn.fetchval(
        "UPDATE delivery SET state = 'delivered', prepared = NULL, lease_until = NULL, fence = fence + 1, "
        "  version = version + 1 WHERE delivery_id = $1 AND state NOT IN ('delivered', 'cancelled') "
        "RETURNING version",
        delivery_id,
    )
    return version


async def add_attempt(conn: Connection, row: AttemptRow) -> None:
    """Its step is the next one of its attempt."""
    await conn.execute(
        "INSERT INTO attempt (delivery_id, attempt, step, company_id, kind, started_at, ended_at, outcome, "
        "code, words, proof, evidence) SELECT $1, $2, coalesce(max(step), 0) + 1, $3, $4, $5, $6, $7, $8, "
        "$9, $10, $11 FROM attempt WHERE delivery_id = $1 AND attempt = $2",
        row.delivery_id,
        row.attempt,
        row.company_id,
        row.kind,
        row.started_at,
        row.ended_at,
        row.outcome,
        row.code,
        row.words,
        row.proof,
        row.evidence,
    )


async def settles(conn: Connection, delivery_id: UUID, attempt: int) -> int:
    """How many times somebody has looked what became of an attempt."""
    found: int = await conn.fetchval(
        "SELECT count(*) FROM attempt WHERE delivery_id = $1 AND attempt = $2 AND kind = 'settle'",
        delivery_id,
        attempt,
    )
    return found


async def attempts(
    conn: Connection, company_id: UUID, delivery_ids: list[UUID]
) -> list[AttemptRow]:
    records = await conn.fetch(
        "SELECT delivery_id, attempt, step, company_id, kind, started_at, ended_at, outcome, code, words, "
        "proof, evidence FROM attempt WHERE company_id = $1 AND delivery_id = ANY($2) "
        "ORDER BY delivery_id, attempt, step",
        company_id,
        delivery_ids,
    )
    return [AttemptRow(**record) for record in records]


async def material(
    conn: Connection, invoice_id: UUID
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]] | None:
    """The facts of an invoice, and its documents by role; None without an original."""
    records = await conn.fetch(
        "SELECT p.facts, d.role, d.name, d.media_type, d.sha256, d.content "
        "FROM delivery_plan p JOIN document d USING (invoice_id) WHERE p.invoice_id = $1",
        invoice_id,
    )
    documents = {r["role"]: dict(r) for r in records}
    return (records[0]["facts"], documents) if "original" in documents else None
