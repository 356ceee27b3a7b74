"""What identity hears: who may invoice (its own guard decides by it, as everybody's does), seats."""

from services.identity.store import privacy
from shared.access.projection import listen_to_billing_access
from shared.contracts.portal import SubscriptionChanged
from shared.database import Connection
from shared.events import Envelope
from shared.messaging import Consumers

consumers = Consumers("identity")
listen_to_billing_access(consumers)


@consumers.on(SubscriptionChanged, lane="access")
async def note_seats(conn: Connection, event: SubscriptionChanged, envelope: Envelope) -> None:
    """How many users the company has paid for."""
    await privacy.set_seats(conn, event.company_id, event.seats, envelope.aggregate_version)
