"""Mail to send: rows, sent by a loop, tried again by a schedule."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.database import Connection


@dataclass(frozen=True)
class MailRow:
    mail_id: UUID
    recipient: str
    subject: str
    body: bytes
    """Sealed."""
    attempts: int


async def add(conn: Connection, row: MailRow, now: datetime) -> None:
    await conn.execute(
        "INSERT INTO outgoing_mail (mail_id, recipient, subject, body, attempts, next_attempt_at) "
        "VALUES ($1, $2, $3, $4, $5, $6)",
        row.mail_id,
        row.recipient,
        row.subject,
        row.body,
        row.attempts,
        now,
    )


async def lease(conn: Connection, now: datetime, until: datetime, limit: int) -> list[MailRow]:
    """What is due; it comes back at `until` when this process dies."""
    records = await conn.fetch(
        "UPDATE outgoing_mail SET attempts = attempts + 1, next_attempt_at = $2 WHERE mail_id IN "
        "(SELECT mail_id FROM outgoing_mail WHERE sent_at IS NULL AND next_attempt_at <= $1 AND attempts < 12 "
        " ORDER BY next_attempt_at LIMIT $3 FOR UPDATE SKIP LOCKED) "
        "RETURNING mail_id, recipient, subject, body, attempts",
        now,
        until,
        limit,
    )
    return [MailRow(**record) for record in records]


async def sent(conn: Connection, mail_id: UUID, now: datetime) -> None:
    """Done; the text, which may hold a secret link, is forgotten."""
    await conn.execute(
        "UPDATE outgoing_mail SET sent_at = $2, body = '', last_error = NULL WHERE mail_id = $1",
        mail_id,
        now,
    )


async def postpone(conn: Connection, mail_id: UUID, until: datetime, error: str) -> None:
    await conn.execute(
        "UPDATE outgoing_mail SET next_attempt_at = $2, last_error = $3 WHERE mail_id = $1",
        mail_id,
        until,
        error,
    )
