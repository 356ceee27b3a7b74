"""Circuit breakers, one an endpoint, and what waits behind them.

`open_until` is NULL while the breaker is closed, in the future while it is open, and in the past while
it is half open: then one delivery, its probe, shows whether the endpoint works again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.delivery.store.work import Leased
from shared.database import Connection

MINDER = 7_240_120
"""First key of an advisory lock."""


@dataclass(frozen=True)
class Turned:
    """A delivery that was parked, or let go, as it is now; and its invoice's number, if that is known."""

    delivery_id: UUID
    invoice_id: UUID
    company_id: UUID
    channel: str
    target: str
    state: str
    attempt: int
    version: int
    cause: UUID
    traceparent: str | None
    number: str


async def alone(conn: Connection) -> bool:
    """Whether this transaction is the only one that minds the breakers; holds until it ends."""
    found: bool = await conn.fetchval(f"SELECT pg_try_advisory_xact_lock({MINDER}, 0)")
    return found


async def park(conn: Connection, now: datetime, limit: int) -> list[Turned]:
    """Take what is due behind breakers that aren't closed out of the claiming's way; at most `limit`.

    An e-mail of unknown outcome stays: to settle it, no server is asked.
    """
    records = await conn.fetch(
        "WITH behind AS (SELECT d.delivery_id FROM endpoint e CROSS JOIN LATERAL ("
        "  SELECT due.delivery_id FROM delivery due WHERE due.endpoint = e.endpoint "
        "  AND due.state IN ('due', 'unknown') AND due.parked_at IS NULL AND due.next_attempt_at <= $1 "
        "  AND due.delivery_id IS DISTINCT FROM e.probe AND (due.channel <> 'email' OR due.state = 'due') "
        "  LIMIT $2 FOR UPDATE SKIP LOCKED) d WHERE e.open_until IS NOT NULL LIMIT $2) "
        "UPDATE delivery d SET parked_at = $1, version = d.version + 1 FROM behind "
        "WHERE d.delivery_id = behind.delivery_id "
        "RETURNING d.delivery_id, d.invoice_id, d.company_id, d.channel, d.target, d.state, d.attempt, "
        "  d.version, d.cause, d.traceparent, coalesce((SELECT p.facts->>'number' FROM delivery_plan p "
        "  WHERE p.invoice_id = d.invoice_id), '') AS number",
        now,
        limit,
    )
    return [Turned(**record) for record in records]


async def elect(conn: Connection, now: datetime) -> list[Turned]:
    """Give each half-open breaker without a probe its longest waiting delivery as one; returns those.

    A probe that was cancelled, or put off for a reason that says nothing of the endpoint, is none any more.
    """
    records = await conn.fetch(
        "WITH half_open AS (SELECT e.endpoint FROM endpoint e LEFT JOIN delivery p "
        "  ON p.delivery_id = e.probe AND (p.state IN ('leased', 'sending', 'settling') "
        "  OR (p.state IN ('due', 'unknown') AND p.next_attempt_at <= $1)) "
        "  WHERE e.open_until <= $1 AND p.delivery_id IS NULL), "
        "elected AS (SELECT h.endpoint, d.delivery_id FROM half_open h CROSS JOIN LATERAL ("
        "  SELECT waiting.delivery_id FROM delivery waiting WHERE waiting.endpoint = h.endpoint "
        "  AND waiting.state IN ('due', 'unknown') AND waiting.parked_at IS NOT NULL "
        "  ORDER BY waiting.parked_at LIMIT 1 FOR UPDATE SKIP LOCKED) d), "
        "chosen AS (UPDATE endpoint e SET probe = elected.delivery_id FROM elected "
        "  WHERE e.endpoint = elected.endpoint) "
        "UPDATE delivery d SET parked_at = NULL, version = d.version + 1 FROM elected "
        "WHERE d.delivery_id = elected.delivery_id "
        "RETURNING d.delivery_id, d.invoice_id, d.company_id, d.channel, d.target, d.state, d.attempt, "
        "  d.version, d.cause, d.traceparent, coalesce((SELECT p.facts->>'number' FROM delivery_plan p "
        "  WHERE p.invoice_id = d.invoice_id), '') AS number",
        now,
    )
    return [Turned(**record) for record in records]


async def unpark(conn: Connection, now: datetime, portion: int) -> list[Turned]:
    """Let what is parked behind breakers that have closed go, the longest waiting first.

    So much at a time that at most `portion` of an endpoint wait to be claimed, behind what is due already:
    a peer that comes back has a backlog, and other peers' deliveries don't queue behind it.
    """
    records = await conn.fetch(
        "WITH RECURSIVE parked(endpoint) AS ("
        "  (SELECT endpoint FROM delivery WHERE state IN ('due', 'unknown') AND parked_at IS NOT NULL "
        "  ORDER BY endpoint LIMIT 1) UNION ALL SELECT ("
        "  SELECT d.endpoint FROM delivery d WHERE d.state IN ('due', 'unknown') AND d.parked_at IS NOT NULL "
        "  AND d.endpoint > p.endpoint ORDER BY d.endpoint LIMIT 1) FROM parked p WHERE p.endpoint IS NOT NULL), "
        "back AS (SELECT d.delivery_id FROM parked p CROSS JOIN LATERAL ("
        "  SELECT waiting.delivery_id FROM delivery waiting WHERE waiting.endpoint = p.endpoint "
        "  AND waiting.state IN ('due', 'unknown') AND waiting.parked_at IS NOT NULL "
        "  ORDER BY waiting.parked_at LIMIT greatest(0, $2 - (SELECT count(*) FROM ("
        "    SELECT FROM delivery due WHERE due.endpoint = p.endpoint AND due.state IN ('due', 'unknown') "
        "    AND due.parked_at IS NULL AND due.next_attempt_at <= $1 LIMIT $2) AS claimable)) "
        "  FOR UPDATE SKIP LOCKED) d WHERE NOT EXISTS (SELECT FROM endpoint e "
        "  WHERE e.endpoint = p.endpoint AND e.open_until IS NOT NULL)) "
        "UPDATE delivery d SET parked_at = NULL, next_attempt_at = $1, version = d.version + 1 FROM back "
        "WHERE d.delivery_id = back.delivery_id "
        "RETURNING d.delivery_id, d.invoice_id, d.company_id, d.channel, d.target, d.state, d.attempt, "
        "  d.version, d.cause, d.traceparent, coalesce((SELECT p.facts->>'number' FROM delivery_plan p "
        "  WHERE p.invoice_id = d.invoice_id), '') AS number",
        now,
        portion,
    )
    return [Turned(**record) for record in records]


async def lease_overdue(
    conn: Connection, before: Mapping[str, datetime], until: datetime, limit: int
) -> list[Leased]:
    """What has been parked since before a channel's hour, longest first: to be given up, not to be sent."""
    records = await conn.fetch(
        "WITH overdue AS (SELECT d.delivery_id FROM unnest($1::text[], $2::timestamptz[]) "
        "  AS hour(channel, before) JOIN delivery d ON d.channel = hour.channel "
        "  AND d.parked_at < hour.before AND d.state IN ('due', 'unknown') AND d.parked_at IS NOT NULL "
        "  WHERE d.parked_at < $3 ORDER BY d.parked_at LIMIT $5 FOR UPDATE OF d SKIP LOCKED) "
        "UPDATE delivery d SET state = CASE d.state WHEN 'due' THEN 'leased' ELSE 'settling' END, "
        "  lease_until = $4, fence = d.fence + 1, parked_at = NULL "
        "FROM overdue WHERE d.delivery_id = overdue.delivery_id "
        "RETURNING d.delivery_id, d.invoice_id, d.company_id, d.channel, d.target, d.endpoint, d.route, "
        "  d.secrets, d.secrets_row, d.state, d.attempt, d.fence, d.prepared, d.handed_over, "
        "  d.traceparent, d.cause, d.created_at, d.version",
        list(before),
        list(before.values()),
        max(before.values()),
        until,
        limit,
    )
    return [Leased(**record) for record in records]


async def blame(
    conn: Connection,
    endpoint: str,
    delivery_id: UUID,
    now: datetime,
    threshold: int,
    seconds: float,
    longest: float,
) -> None:
    """Count a failure of an endpoint. At `threshold` in a row its breaker opens; when its probe fails it
    opens for twice as long as before, at most `longest` seconds."""
    await conn.execute(
        "INSERT INTO endpoint (endpoint, failures, openings, open_until) VALUES ($1, 1, "
        "  CASE WHEN $4 <= 1 THEN 1 ELSE 0 END, "
        "  CASE WHEN $4 <= 1 THEN $3::timestamptz + make_interval(secs => $5) END) "
        "ON CONFLICT (endpoint) DO UPDATE SET failures = endpoint.failures + 1, "
        "  openings = CASE WHEN endpoint.open_until IS NULL AND endpoint.failures + 1 >= $4 THEN 1 "
        "    WHEN endpoint.probe = $2 THEN least(endpoint.openings + 1, 30) ELSE endpoint.openings END, "
        "  open_until = CASE WHEN endpoint.open_until IS NULL AND endpoint.failures + 1 >= $4 "
        "    THEN $3 + make_interval(secs => $5) WHEN endpoint.probe = $2 "
        "    THEN $3 + make_interval(secs => least($5 * power(2, endpoint.openings), $6)) "
        "    ELSE endpoint.open_until END, "
        "  probe = CASE WHEN endpoint.probe = $2 THEN NULL ELSE endpoint.probe END",
        endpoint,
        delivery_id,
        now,
        threshold,
        seconds,
        longest,
    )


async def probes(conn: Connection, endpoint: str, delivery_id: UUID) -> bool:
    """Whether this delivery is the one that shows whether the endpoint works again."""
    found: bool = await conn.fetchval(
        "SELECT EXISTS (SELECT FROM endpoint WHERE endpoint = $1 AND probe = $2)",
        endpoint,
        delivery_id,
    )
    return found


async def absolve(conn: Connection, endpoint: str) -> None:
    """The endpoint works: its breaker closes, and its failures are forgotten."""
    await conn.execute("DELETE FROM endpoint WHERE endpoint = $1", endpoint)
