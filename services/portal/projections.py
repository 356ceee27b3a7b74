"""What the portal hears: access, and everything that its read models show."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from services.portal.audit import listen_to_everything
from services.portal.store import readmodels
from services.portal.store.readmodels import (
    DeliveryFace,
    InvoiceFace,
    PurchaseFace,
    Shown,
    TimelineRow,
)
from shared.access.projection import listen_to_identity
from shared.contracts.billing import InvoiceIssued, InvoiceRendered
from shared.contracts.delivery import (
    DeliveryAttempted,
    DeliveryBounced,
    DeliveryCancelled,
    DeliveryEvent,
    DeliveryFailed,
    DeliveryParked,
    DeliveryReleased,
    DeliveryScheduled,
    DeliverySucceeded,
    DocumentReceived,
)
from shared.database import Connection
from shared.events import Envelope
from shared.messaging import Consumers, Heard, gathering

consumers = Consumers("portal")
listen_to_identity(consumers)
listen_to_everything(consumers)


consumers.pace("facts", gathering(200))

KINDS = (
    InvoiceIssued,
    InvoiceRendered,
    DeliveryScheduled,
    DeliveryAttempted,
    DeliverySucceeded,
    DeliveryFailed,
    DeliveryBounced,
    DeliveryCancelled,
    DeliveryParked,
    DeliveryReleased,
    DocumentReceived,
)


@consumers.on_batch(KINDS)
async def show(conn: Connection, heard: Sequence[Heard]) -> None:
    """What the pages show of documents, deliveries and purchases, and their timelines."""
    shown = Shown()
    for event, envelope in heard:
        match event:
            case InvoiceIssued():
                _invoice(shown, event, envelope)
            case InvoiceRendered():
                _rendering(shown, event, envelope)
            case DocumentReceived():
                _purchase(shown, event)
            case _:
                _delivery(shown, event, envelope)
    await readmodels.save(conn, shown)


def _invoice(shown: Shown, event: InvoiceIssued, envelope: Envelope) -> None:
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
    shown.invoices.append(face)
    proof = {"sha256": event.original.sha256, "name": event.original.name}
    shown.timeline.append(_entry(event, envelope, "issued", proof=proof))


def _rendering(shown: Shown, event: InvoiceRendered, envelope: Envelope) -> None:
    """The PDF exists."""
    proof = {"sha256": event.readable.sha256, "name": event.readable.name}
    shown.timeline.append(_entry(event, envelope, "rendered", proof=proof))


def _purchase(shown: Shown, event: DocumentReceived) -> None:
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
    shown.purchases.append(row)


def _delivery(shown: Shown, event: DeliveryEvent, envelope: Envelope) -> None:
    """Planned, tried without proof, proved, or given up."""
    state, words, proof = "scheduled", "", dict[str, Any]()
    scheduled_at = started_at = ended_at = None
    match event:
        case DeliveryAttempted():
            state = "unknown" if event.outcome == "unknown" else "retrying"
            words, started_at = event.words, event.started_at
        case DeliverySucceeded():
            state, words, proof = "delivered", event.words, dict(event.proof)
            started_at, ended_at = event.started_at, event.ended_at
        case DeliveryFailed():
            state, words, ended_at = event.reason, event.words, envelope.time
        case DeliveryBounced():
            state, words, ended_at = "bounced", event.words, envelope.time
        case DeliveryCancelled():
            state, ended_at = "cancelled", envelope.time
        case DeliveryParked():
            state = "parked"
        case DeliveryReleased():
            state = event.standing
        case _:
            scheduled_at = envelope.time
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
    shown.deliveries.append(face)
    kind = "released" if isinstance(event, DeliveryReleased) else state
    entry = _entry(event, envelope, kind, words=words, proof=proof, started_at=started_at)
    shown.timeline.append(
        replace(entry, delivery_id=event.delivery_id, channel=event.channel, target=event.target)
    )


def _entry(
    event: InvoiceIssued | InvoiceRendered | DeliveryEvent,
    envelope: Envelope,
    kind: str,
    *,
    words: str = "",
    proof: dict[str, Any],
    started_at: datetime | None = None,
) -> TimelineRow:
    return TimelineRow(
        event_id=envelope.event_id,
        company_id=event.company_id,
        invoice_id=event.invoice_id,
        delivery_id=None,
        kind=kind,
        channel="",
        target="",
        words=words,
        proof=proof,
        actor=str(envelope.actor),
        started_at=started_at,
        happened_at=envelope.time,
        trace_id=envelope.trace_id,
        version=envelope.aggregate_version,
    )
