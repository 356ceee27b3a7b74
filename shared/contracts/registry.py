"""All contracts, by topic."""

from shared.contracts import billing, delivery, identity, portal
from shared.events import Event

CONTRACTS: dict[str, type[Event]] = {
    kind.topic: kind
    for kind in (
        identity.CompanyRegistered,
        identity.CompanyChanged,
        identity.MembershipChanged,
        identity.ProfileChanged,
        identity.SessionRevoked,
        identity.SigningKeyPublished,
        identity.ActionRecorded,
        portal.SubscriptionChanged,
        portal.BillingEnabled,
        portal.BillingAccessChanged,
        portal.BillingDisabled,
        portal.AuditSealed,
        portal.AuditBreakAcknowledged,
        billing.CustomerChanged,
        billing.ProductChanged,
        billing.InvoiceIssued,
        billing.InvoiceRendered,
        billing.DocumentOpened,
        billing.DraftEdited,
        billing.SeriesStarted,
        delivery.ReceptionChanged,
        delivery.DeliveryScheduled,
        delivery.DeliveryAttempted,
        delivery.DeliverySucceeded,
        delivery.DeliveryFailed,
        delivery.DeliveryBounced,
        delivery.DeliveryCancelled,
        delivery.DeliveryParked,
        delivery.DeliveryReleased,
        delivery.DocumentReceived,
    )
}


def published_by(service: str) -> list[type[Event]]:
    """What one service publishes."""
    return [kind for kind in CONTRACTS.values() if kind.publisher == service]
