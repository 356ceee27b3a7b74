"""What billing hears: who may do what, and what became of its invoices."""

from services.billing.store import invoices
from services.billing.store.invoices import DeliveryState
from shared.access.projection import listen_to_billing_access, listen_to_identity
from shared.contracts.delivery import (
    DeliveryAttempted,
    DeliveryEvent,
    DeliveryFailed,
    DeliveryScheduled,
    DeliverySucceeded,
)
from shared.database import Connection
from shared.events import Envelope
from shared.messaging import Consumers

consumers = Consumers("billing")
listen_to_identity(consumers)
listen_to_billing_access(consumers)


@consumers.on(DeliveryScheduled)
async def note_plan(conn: Connection, event: DeliveryScheduled, envelope: Envelope) -> None:
    """A delivery was planned."""
    await _note(conn, event, envelope, "scheduled", "", {})


@consumers.on(DeliveryAttempted)
async def note_attempt(conn: Connection, event: DeliveryAttempted, envelope: Envelope) -> None:
    """An attempt ended without proof."""
    state = "unknown" if event.outcome == "unknown" else "retrying"
    await _note(conn, event, envelope, state, event.words, {})


@consumers.on(DeliverySucceeded)
async def note_proof(conn: Connection, event: DeliverySucceeded, envelope: Envelope) -> None:
    """The peer has the document."""
    await _note(conn, event, envelope, "delivered", event.words, event.proof)


@consumers.on(DeliveryFailed)
async def note_failure(conn: Connection, event: DeliveryFailed, envelope: Envelope) -> None:
    """Nothing more happens by itself."""
    await _note(conn, event, envelope, event.reason, event.words, {})


async def _note(
    conn: Connection,
    event: DeliveryEvent,
    envelope: Envelope,
    state: str,
    words: str,
    proof: dict[str, str],
) -> None:
    row = DeliveryState(
        event.delivery_id,
        event.company_id,
        event.invoice_id,
        event.channel,
        event.target,
        state,
        words,
        proof,
        envelope.time,
        envelope.aggregate_version,
    )
    await invoices.save_delivery(conn, row)
