"""What billing hears: who may do what, and what became of its invoices."""

from collections.abc import Sequence

from services.billing.store import invoices, renderings
from services.billing.store.invoices import DeliveryState
from shared.access.projection import listen_to_billing_access, listen_to_identity
from shared.clock import system_clock
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
)
from shared.database import Connection
from shared.events import Envelope
from shared.messaging import Consumers, Heard, gathering

consumers = Consumers("billing")
listen_to_identity(consumers)
listen_to_billing_access(consumers)


consumers.pace("facts", gathering(200))


@consumers.on_batch(
    (
        DeliveryScheduled,
        DeliveryAttempted,
        DeliverySucceeded,
        DeliveryFailed,
        DeliveryBounced,
        DeliveryCancelled,
        DeliveryParked,
        DeliveryReleased,
    )
)
async def note_deliveries(conn: Connection, heard: Sequence[Heard]) -> None:
    """What became of deliveries: planned, tried without proof, proved, given up."""
    await invoices.save_deliveries(conn, [_noted(event, envelope) for event, envelope in heard])
    needed = [
        event.invoice_id
        for event, _ in heard
        if isinstance(event, DeliveryScheduled) and event.awaits_readable
    ]
    if needed:
        await renderings.hasten(conn, needed, system_clock())


def _noted(event: DeliveryEvent, envelope: Envelope) -> DeliveryState:
    state, words, proof = _outcome(event)
    return DeliveryState(
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


def _outcome(event: DeliveryEvent) -> tuple[str, str, dict[str, str]]:
    """State, the peer's words, and the proof."""
    match event:
        case DeliveryAttempted():
            return ("unknown" if event.outcome == "unknown" else "retrying"), event.words, {}
        case DeliverySucceeded():
            return "delivered", event.words, event.proof
        case DeliveryFailed():
            return event.reason, event.words, {}
        case DeliveryBounced():
            return "bounced", event.words, {}
        case DeliveryCancelled():
            return "cancelled", "", {}
        case DeliveryParked():
            return "parked", "", {}
        case DeliveryReleased():
            return event.standing, "", {}
        case _:
            return "scheduled", "", {}
