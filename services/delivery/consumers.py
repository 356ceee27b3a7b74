"""What delivery hears: who may do what, invoices issued, PDFs rendered."""

from services.delivery.commands.plan import plan_invoice
from services.delivery.store import deliveries, plans
from services.delivery.store.plans import PlanRow
from shared.access.projection import listen_to_billing_access, listen_to_identity
from shared.clock import system_clock
from shared.contracts.billing import InvoiceIssued, InvoiceRendered
from shared.database import Connection
from shared.events import Envelope
from shared.messaging import PROMPT, Consumers
from shared.outbox import current_traceparent

consumers = Consumers("delivery")
listen_to_identity(consumers)
listen_to_billing_access(consumers)
consumers.pace("facts", PROMPT)
consumers.pace("readable", PROMPT)


@consumers.on(InvoiceIssued)
async def schedule_deliveries(conn: Connection, event: InvoiceIssued, envelope: Envelope) -> None:
    """Keep the original; plan one delivery for every way the customer chose."""
    await plans.add_document(conn, event.invoice_id, event.company_id, "original", event.original)
    facts = {
        "number": event.number,
        "document_kind": event.document_kind,
        "seller_name": event.invoice.seller.name,
        "buyer_name": event.buyer_name,
        "language": event.language,
        "amount_due": str(event.amount_due),
        "currency": event.currency,
        "due_date": event.invoice.due_date.isoformat() if event.invoice.due_date else "",
    }
    now = system_clock()
    plan = PlanRow(
        event.invoice_id,
        event.company_id,
        event.customer_id,
        "planned",
        facts,
        current_traceparent() or envelope.traceparent,
        envelope.event_id,
        now,
    )
    await plan_invoice(conn, plan, now)


@consumers.on(InvoiceRendered, lane="readable")
async def attach_readable(conn: Connection, event: InvoiceRendered, envelope: Envelope) -> None:  # noqa: ARG001
    """Keep the PDF; what waited for it is due now."""
    await plans.hold_readables(conn, alone=True)
    await plans.add_document(conn, event.invoice_id, event.company_id, "readable", event.readable)
    await deliveries.release_waiting(conn, event.invoice_id, system_clock())
