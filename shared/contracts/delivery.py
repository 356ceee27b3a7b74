"""What delivery publishes."""

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.contracts.billing import Document
from shared.events import Event

ChannelName = Literal["email", "sftp", "ftps", "peppol"]


class Way(BaseModel):
    """One way a customer chose to be reached; `target` is what a person recognises it by."""

    model_config = ConfigDict(frozen=True)

    channel: ChannelName
    target: str


class ReceptionChanged(Event):
    """How a customer wants to receive invoices; settings that are secret stay in delivery."""

    topic: ClassVar[str] = "reception.changed"
    publisher: ClassVar[str] = "delivery"
    key_field: ClassVar[str] = "customer_id"
    state: ClassVar[bool] = True

    customer_id: UUID
    company_id: UUID
    ways: list[Way]


class DeliveryEvent(Event):
    """Something about the delivery of one invoice over one channel."""

    publisher: ClassVar[str] = "delivery"
    key_field: ClassVar[str] = "invoice_id"

    invoice_id: UUID
    company_id: UUID
    delivery_id: UUID
    number: str
    channel: ChannelName
    target: str


class DeliveryScheduled(DeliveryEvent):
    """A delivery was planned."""

    topic: ClassVar[str] = "delivery.scheduled"

    due_at: datetime
    resend_of: UUID | None = None
    awaits_readable: bool = False
    """It carries the PDF, and waits until there is one (`invoice.rendered`)."""


class DeliveryAttempted(DeliveryEvent):
    """One attempt ended without proof: it failed, or its outcome is unknown."""

    topic: ClassVar[str] = "delivery.attempted"

    attempt: int
    outcome: Literal["failed", "unknown"]
    words: str
    """What the peer said."""
    started_at: datetime
    ended_at: datetime
    next_attempt_at: datetime | None


class DeliverySucceeded(DeliveryEvent):
    """The peer accepted the document, and said so."""

    topic: ClassVar[str] = "delivery.succeeded"

    attempt: int
    words: str
    proof: dict[str, str]
    """SMTP 250 line; remote path and size; AS4 receipt id."""
    started_at: datetime
    ended_at: datetime


class DeliveryFailed(DeliveryEvent):
    """No further attempt will be made by itself: exhausted, refused, or a person must decide."""

    topic: ClassVar[str] = "delivery.failed"

    attempt: int
    reason: Literal["exhausted", "refused", "undecided"]
    words: str


class DeliveryBounced(DeliveryEvent):
    """The mail server had accepted the document, and reported later that it reached nobody."""

    topic: ClassVar[str] = "delivery.bounced"

    words: str
    """What the servers said, by recipient."""
    reported_at: datetime


class DeliveryCancelled(DeliveryEvent):
    """Somebody took the delivery back before it was on its way, or gave up one that had failed."""

    topic: ClassVar[str] = "delivery.cancelled"


class DeliveryParked(DeliveryEvent):
    """The peer's server hasn't worked for others: the delivery waits until it does, untried."""

    topic: ClassVar[str] = "delivery.parked"

    parked_at: datetime


class DeliveryReleased(DeliveryEvent):
    """What was parked is tried again: the peer's server works, or this one shows whether it does."""

    topic: ClassVar[str] = "delivery.released"

    attempt: int
    """How often it was tried before; 0: never."""
    unsettled: bool = False
    """Its last attempt's outcome is unknown: that is settled first."""

    @property
    def standing(self) -> str:
        """What it was before it was parked, as those who hear of deliveries call it."""
        return "unknown" if self.unsettled else "retrying" if self.attempt else "scheduled"


class DocumentReceived(Event):
    """A document arrived from the network for one of our companies."""

    topic: ClassVar[str] = "document.received"
    publisher: ClassVar[str] = "delivery"
    key_field: ClassVar[str] = "document_id"

    document_id: UUID
    company_id: UUID
    sender: str
    """Peppol participant identifier (C1)."""
    receiver: str
    instance_id: str
    """SBDH InstanceIdentifier."""
    document_type: str
    number: str
    seller_name: str
    amount_due: str
    currency: str
    received_at: datetime
    document: Document
