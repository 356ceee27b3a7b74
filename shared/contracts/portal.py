"""What the portal publishes."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.events import Event


class ProfileRef(BaseModel):
    """A profile that has access, with its name at the time."""

    model_config = ConfigDict(frozen=True)

    profile_id: UUID
    name: str


class SubscriptionChanged(Event):
    """What a company has bought."""

    topic: ClassVar[str] = "subscription.changed"
    publisher: ClassVar[str] = "portal"
    key_field: ClassVar[str] = "company_id"
    state: ClassVar[bool] = True

    company_id: UUID
    plan: str
    options: list[str]
    """`invoicing`, …"""
    seats: int


class BillingEvent(Event):
    """Full state of facturation for one company; one version counter over the three topics."""

    publisher: ClassVar[str] = "portal"
    key_field: ClassVar[str] = "company_id"

    company_id: UUID
    firm_id: UUID
    """Who administers the portal: the firm, or the company itself where no firm does."""
    enabled: bool
    profiles: list[ProfileRef]


class BillingEnabled(BillingEvent):
    """Facturation was switched on for a company, for these profiles."""

    topic: ClassVar[str] = "billing.enabled"


class BillingAccessChanged(BillingEvent):
    """Other profiles have access now."""

    topic: ClassVar[str] = "billing.access_changed"


class BillingDisabled(BillingEvent):
    """Facturation was switched off for a company."""

    topic: ClassVar[str] = "billing.disabled"


class AuditSealed(Event):
    """How far the audit chain had come at that moment. Kept outside the database that holds the chain,
    so that one computed anew or cut short is told from the one there was."""

    topic: ClassVar[str] = "audit.sealed"
    publisher: ClassVar[str] = "portal"
    key_field: ClassVar[str] = "chain_id"
    public: ClassVar[bool] = False

    chain_id: UUID
    """The same for all checkpoints: they stand in one partition, in their order."""
    position: int
    """The number of entries."""
    hash: str
    """Of the last of them, in hex."""
    sealed_at: datetime
    seal: str
    """HMAC-SHA256 of the three by a key that is derived from the portal's master key, in hex."""
