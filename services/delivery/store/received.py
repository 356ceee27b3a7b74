"""Documents received from the network."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.database import Connection


@dataclass(frozen=True)
class ReceivedRow:
    document_id: UUID
    company_id: UUID
    message_id: str
    instance_id: str
    sender: str
    receiver: str
    sent_by: str
    document_type: str
    number: str
    seller_name: str
    amount_due: str
    currency: str
    state: str
    findings: list[dict[str, Any]]
    sha256: str
    received_at: datetime


@dataclass(frozen=True)
class StoredReceipt:
    receipt: bytes
    content_type: str
    sha256: str
    """Of the document that it acknowledges."""
    receiver: str


async def receipt_for(conn: Connection, sent_by: str, message_id: str) -> StoredReceipt | None:
    """The receipt that this access point's message was answered with, if it came before."""
    record = await conn.fetchrow(
        "SELECT receipt, content_type, sha256, receiver FROM received_document "
        "WHERE sent_by = $1 AND message_id = $2",
        sent_by,
        message_id,
    )
    return StoredReceipt(**record) if record else None


async def known_instance(conn: Connection, sender: str, instance_id: str) -> bool:
    found: bool = await conn.fetchval(
        "SELECT EXISTS (SELECT FROM received_document WHERE sender = $1 AND instance_id = $2)",
        sender,
        instance_id,
    )
    return found


async def add(conn: Connection, row: ReceivedRow, content: bytes, answer: StoredReceipt) -> bool:
    """False when the message, or its instance, was stored by somebody else meanwhile."""
    done = await conn.execute(
        "INSERT INTO received_document (document_id, company_id, message_id, instance_id, sender, receiver, "
        "sent_by, document_type, number, seller_name, amount_due, currency, state, findings, sha256, "
        "received_at, content, receipt, content_type) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, "
        "$12, $13, $14, $15, $16, $17, $18, $19) ON CONFLICT DO NOTHING",
        row.document_id,
        row.company_id,
        row.message_id,
        row.instance_id,
        row.sender,
        row.receiver,
        row.sent_by,
        row.document_type,
        row.number,
        row.seller_name,
        row.amount_due,
        row.currency,
        row.state,
        row.findings,
        row.sha256,
        row.received_at,
        content,
        answer.receipt,
        answer.content_type,
    )
    return done == "INSERT 0 1"


async def listed(conn: Connection, company_id: UUID, state: str, limit: int) -> list[ReceivedRow]:
    """Newest first."""
    records = await conn.fetch(
        "SELECT document_id, company_id, message_id, instance_id, sender, receiver, sent_by, document_type, "
        "number, seller_name, amount_due, currency, state, findings, sha256, received_at "
        "FROM received_document WHERE company_id = $1 AND state = $2 ORDER BY received_at DESC LIMIT $3",
        company_id,
        state,
        limit,
    )
    return [ReceivedRow(**record) for record in records]


async def content(conn: Connection, company_id: UUID, document_id: UUID) -> bytes | None:
    found: bytes | None = await conn.fetchval(
        "SELECT content FROM received_document WHERE company_id = $1 AND document_id = $2",
        company_id,
        document_id,
    )
    return found


async def companies_of(conn: Connection, participant: str) -> list[UUID]:
    """Which of our companies a participant identifier belongs to; more than one is a mistake of ours."""
    records = await conn.fetch(
        "SELECT company_id FROM access.companies WHERE lower(state->>'peppol_id') = lower($1) LIMIT 2",
        participant,
    )
    return [record["company_id"] for record in records]
