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


class AcknowledgedBreak(BaseModel):
    """Where the chain didn't hold, and how."""

    model_config = ConfigDict(frozen=True)

    position: int
    kind: str
    """`missing`, `changed`, `cut`, `end`, `recomputed`"""
    values: dict[str, int]
    """From which entry to which, how many there were"""
    evidence: str
    """The hash that what was found there has, in hex"""


class AuditBreakAcknowledged(Event):
    """An operator has seen that the audit chain is broken, and why: it goes on from there."""

    topic: ClassVar[str] = "audit.break_acknowledged"
    publisher: ClassVar[str] = "portal"
    key_field: ClassVar[str] = "chain_id"
    public: ClassVar[bool] = False

    chain_id: UUID
    position: int
    """How many entries there were then."""
    hash: str
    """With what the chain goes on, in hex."""
    agreed: int
    """The last checkpoint that agreed with the chain: those after it, sealed before this, count no longer."""
    breaks: list[AcknowledgedBreak]
    operator: str
    """Whose account on the operator's machine."""
    reason: str
    acknowledged_at: datetime
    seal: str
    """HMAC-SHA256 of all that by a key that is derived from the portal's master key, in hex."""
