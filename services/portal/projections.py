"""What the portal hears: access, and everything that its read models show."""

from datetime import datetime
from typing import Any
from uuid import UUID

from services.portal.audit import listen_to_everything
from services.portal.store import readmodels
from services.portal.store.readmodels import DeliveryFace, InvoiceFace, PurchaseFace, TimelineRow
from shared.access.projection import listen_to_identity
from shared.contracts.billing import InvoiceIssued, InvoiceRendered
from shared.contracts.delivery import (
    DeliveryAttempted,
    DeliveryEvent,
    DeliveryFailed,
    DeliveryScheduled,
    DeliverySucceeded,
    DocumentReceived,
)
from shared.database import Connection
from shared.events import Envelope
from shared.messaging import Consumers

consumers = Consumers("portal")
listen_to_identity(consumers)
listen_to_everything(consumers)


@consumers.on(InvoiceIssued)
async def show_invoice(conn: Connection, event: InvoiceIssued, envelope: Envelope) -> None:
    """The invoice's face, and the beginning of its timeline."""
    face = InvoiceFace(
        event.invoice_id,
        event.company_id,
        event.customer_id,
        event.number,
        event.document_kind,
        event.buyer_name,
        event.amount_due,
        event.currency,
        event.issue_date,
        event.issued_at,
    )
    await readmodels.add_invoice(conn, face)
    proof = {"sha256": event.original.sha256, "name": event.original.name}
    await _entry(conn, envelope, event.company_id, event.invoice_id, "issued", proof=proof)


@consumers.on(InvoiceRendered)
async def show_rendering(conn: Connection, event: InvoiceRendered, envelope: Envelope) -> None:
    """The PDF exists."""
    proof = {"sha256": event.readable.sha256, "name": event.readable.name}
    await _entry(conn, envelope, event.company_id, event.invoice_id, "rendered", proof=proof)


@consumers.on(DeliveryScheduled)
async def show_plan(conn: Connection, event: DeliveryScheduled, envelope: Envelope) -> None:
    """A delivery was planned."""
    await _delivery(conn, event, envelope, "scheduled", scheduled_at=envelope.time)


@consumers.on(DeliveryAttempted)
async def show_attempt(conn: Connection, event: DeliveryAttempted, envelope: Envelope) -> None:
    """An attempt ended without proof."""
    state = "unknown" if event.outcome == "unknown" else "retrying"
    await _delivery(conn, event, envelope, state, words=event.words, started_at=event.started_at)


@consumers.on(DeliverySucceeded)
async def show_proof(conn: Connection, event: DeliverySucceeded, envelope: Envelope) -> None:
    """The peer has the document, and said so."""
    await _delivery(
        conn,
        event,
        envelope,
        "delivered",
        words=event.words,
        proof=event.proof,
        started_at=event.started_at,
        ended_at=event.ended_at,
    )


@consumers.on(DeliveryFailed)
async def show_failure(conn: Connection, event: DeliveryFailed, envelope: Envelope) -> None:
    """Nothing more happens by itself."""
    await _delivery(conn, event, envelope, event.reason, words=event.words, ended_at=envelope.time)


@consumers.on(DocumentReceived)
async def show_purchase(conn: Connection, event: DocumentReceived, envelope: Envelope) -> None:  # noqa: ARG001
    """A purchase arrived."""
    row = PurchaseFace(
        event.document_id,
        event.company_id,
        event.number,
        event.seller_name,
        event.amount_due,
        event.currency,
        event.sender,
        event.received_at,
    )
    await readmodels.add_purchase(conn, row)


async def _delivery(
    conn: Connection,
    event: DeliveryEvent,
    envelope: Envelope,
    state: str,
    *,
    words: str = "",
    proof: dict[str, Any] | None = None,
    scheduled_at: datetime | None = None,
    started_at: datetime | None = None,
    ended_at: datetime | None = None,
) -> None:
    face = DeliveryFace(
        event.delivery_id,
        event.invoice_id,
        event.company_id,
        event.channel,
        event.target,
        state,
        scheduled_at,
        ended_at,
        envelope.aggregate_version,
    )
    await readmodels.save_delivery(conn, face)
    await _entry(
        conn,
        envelope,
        event.company_id,
        event.invoice_id,
        state,
        delivery_id=event.delivery_id,
        channel=event.channel,
        target=event.target,
        words=words,
        proof=proof,
        started_at=started_at,
    )


async def _entry(
    conn: Connection,
    envelope: Envelope,
    company_id: UUID,
    invoice_id: UUID,
    kind: str,
    *,
    delivery_id: UUID | None = None,
    channel: str = "",
    target: str = "",
    words: str = "",
    proof: dict[str, Any] | None = None,
    started_at: datetime | None = None,
) -> None:
    row = TimelineRow(
        event_id=envelope.event_id,
        company_id=company_id,
        invoice_id=invoice_id,
        delivery_id=delivery_id,
        kind=kind,
        channel=channel,
        target=target,
        words=words,
        proof=proof or {},
        actor=str(envelope.actor),
        started_at=started_at,
        happened_at=envelope.time,
        trace_id=envelope.trace_id,
        version=envelope.aggregate_version,
    )
    await readmodels.add_timeline(conn, row)
