"""Reports on the fate of e-mails, as they came back."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.database import Connection

MAILBOX = 7_240_119
"""First key of an advisory lock."""


@dataclass(frozen=True)
class ReportRow:
    delivery_id: UUID
    recipient: str
    fate: str
    hard: bool
    words: str
    received_at: datetime


@dataclass(frozen=True)
class Reported:
    """The delivery that reports are about."""

    state: str
    company_id: UUID
    attempt: int
    recipients: int
    """To how many the server had taken it, where it said so ("1/2", "1 of 2" of old); else to how many it
    was addressed."""


async def add(conn: Connection, row: ReportRow) -> bool:
    """False for no e-mail of ours, or a report that is known."""
    done = await conn.execute(
        "INSERT INTO mail_report (delivery_id, company_id, recipient, fate, hard, words, received_at) "
        "SELECT delivery_id, company_id, $2, $3, $4, $5, $6 FROM delivery "
        "WHERE delivery_id = $1 AND channel = 'email' ON CONFLICT DO NOTHING",
        row.delivery_id,
        row.recipient,
        row.fate,
        row.hard,
        row.words,
        row.received_at,
    )
    return done == "INSERT 0 1"


async def unapplied(conn: Connection, limit: int) -> list[UUID]:
    """Deliveries whose reports have had no effect yet; what is under way is left alone until it ends."""
    records = await conn.fetch(
        "SELECT DISTINCT delivery_id FROM mail_report r JOIN delivery d USING (delivery_id) "
        "WHERE NOT r.applied AND d.state NOT IN ('leased', 'sending', 'settling') LIMIT $1",
        limit,
    )
    return [record["delivery_id"] for record in records]


async def hold(conn: Connection, delivery_id: UUID) -> Reported | None:
    """The delivery, locked; None while it is under way."""
    record = await conn.fetchrow(
        "SELECT d.state, d.company_id, d.attempt, coalesce(("
        "  SELECT substring(a.proof ->> 'recipients' FROM '^[0-9]+')::int FROM attempt a "
        "  WHERE a.delivery_id = d.delivery_id AND a.proof ? 'recipients' "
        "  ORDER BY a.attempt DESC, a.step DESC LIMIT 1), "
        "  jsonb_array_length(d.route -> 'to') + coalesce(jsonb_array_length(d.route -> 'cc'), 0) "
        "  + coalesce(jsonb_array_length(d.route -> 'bcc'), 0)) AS recipients "
        "FROM delivery d WHERE d.delivery_id = $1 AND d.state NOT IN ('leased', 'sending', 'settling') "
        "FOR UPDATE OF d",
        delivery_id,
    )
    return Reported(**record) if record else None


async def about(conn: Connection, delivery_id: UUID) -> list[ReportRow]:
    """Everything reported of a delivery, oldest first."""
    records = await conn.fetch(
        "SELECT delivery_id, recipient, fate, hard, words, received_at FROM mail_report "
        "WHERE delivery_id = $1 ORDER BY received_at, recipient",
        delivery_id,
    )
    return [ReportRow(**record) for record in records]


async def applied(conn: Connection, delivery_id: UUID) -> None:
    await conn.execute(
        "UPDATE mail_report SET applied = true WHERE delivery_id = $1 AND NOT applied", delivery_id
    )


async def settle_now(conn: Connection, delivery_id: UUID, now: datetime) -> None:
    """What is unknown, or waits for a person, can be settled: a worker does at once."""
    await conn.execute(
        "UPDATE delivery SET state = 'unknown', next_attempt_at = $2 "
        "WHERE delivery_id = $1 AND state IN ('unknown', 'undecided')",
        delivery_id,
        now,
    )


async def bounce(conn: Connection, delivery_id: UUID) -> int | None:
    """What the server had taken came back; the new version."""
    version: int | None = await conn.fetchval(
        "UPDATE delivery SET state = 'bounced', version = version + 1 "
        "WHERE delivery_id = $1 AND state = 'delivered' RETURNING version",
        delivery_id,
    )
    return version


async def alone(conn: Connection) -> bool:
    """Whether this transaction is the only one that reads the mailbox; holds until it ends."""
    found: bool = await conn.fetchval(f"SELECT pg_try_advisory_xact_lock({MAILBOX}, 0)")
    return found
