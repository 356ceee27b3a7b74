"""What identity hears: who may invoice (its own guard decides by it, as everybody's does)."""

from shared.access.projection import listen_to_billing_access
from shared.messaging import Consumers

consumers = Consumers("identity")
listen_to_billing_access(consumers)
