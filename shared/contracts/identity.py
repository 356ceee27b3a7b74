"""What identity publishes."""

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.events import Event

CompanyKind = Literal["firm", "company"]
Role = Literal["owner", "employee"]
MembershipKind = Literal["internal", "accountant", "support"]


class Address(BaseModel):
    """A postal address (EN 16931 BG-5)."""

    model_config = ConfigDict(frozen=True)

    line1: str = ""
    line2: str = ""
    city: str = ""
    postcode: str = ""
    country: str = ""
    """ISO 3166-1 alpha-2 (BT-40)."""


class Company(BaseModel):
    """Legal information of a company; an empty field hasn't been filled in yet."""

    model_config = ConfigDict(frozen=True)

    name: str
    legal_form: str = ""
    registration_number: str = ""
    """SIREN or SIRET in France, enterprise number in Belgium (BT-30)."""
    vat_number: str = ""
    """BT-31."""
    address: Address = Address()
    email: str = ""
    phone: str = ""
    iban: str = ""
    """Where buyers pay (BT-84)."""
    bic: str = ""
    share_capital: str = ""
    peppol_id: str = ""
    """Peppol participant identifier `scheme:value` (BT-34)."""


class CompanyEvent(Event):
    """Full state of a company."""

    publisher: ClassVar[str] = "identity"
    key_field: ClassVar[str] = "company_id"

    company_id: UUID
    kind: CompanyKind
    firm_id: UUID | None
    """The firm that administers this company's portal."""
    company: Company
    missing_legal_fields: list[str]
    """Names of the legal fields still to be filled in; empty: complete."""
    apps: list[str] | None = None
    """The apps that the company uses; null: all there are."""


class CompanyRegistered(CompanyEvent):
    """A company was registered."""

    topic: ClassVar[str] = "company.registered"


class CompanyChanged(CompanyEvent):
    """A company's state, at registration and at every change."""

    topic: ClassVar[str] = "company.changed"
    state: ClassVar[bool] = True


class MembershipChanged(Event):
    """A user's place in a company: role, profile, rights, apps; internal, it holds personal data."""

    topic: ClassVar[str] = "membership.changed"
    publisher: ClassVar[str] = "identity"
    key_field: ClassVar[str] = "membership_id"
    public: ClassVar[bool] = False
    state: ClassVar[bool] = True

    membership_id: UUID
    user_id: UUID
    company_id: UUID
    role: Role
    kind: MembershipKind
    profile_id: UUID | None
    rights: list[str]
    apps: list[str]
    active: bool
    second_factor_due: bool = False
    """The company requires a second factor that this person hasn't: enrolling is all there is."""
    email: str
    first_name: str
    last_name: str
    language: str


class ProfileChanged(Event):
    """A named set of rights that a company manages itself."""

    topic: ClassVar[str] = "profile.changed"
    publisher: ClassVar[str] = "identity"
    key_field: ClassVar[str] = "profile_id"
    state: ClassVar[bool] = True

    profile_id: UUID
    company_id: UUID
    name: str
    rights: list[str]
    active: bool


class SessionRevoked(Event):
    """A session ended before its time; its tokens are refused everywhere."""

    topic: ClassVar[str] = "session.revoked"
    publisher: ClassVar[str] = "identity"
    key_field: ClassVar[str] = "session_id"
    public: ClassVar[bool] = False

    session_id: UUID
    user_id: UUID
    revoked_at: datetime


class SigningKeyPublished(Event):
    """A key that identity signs tokens with: the public half, as a JWK in JSON."""

    topic: ClassVar[str] = "signing_key.published"
    publisher: ClassVar[str] = "identity"
    key_field: ClassVar[str] = "key_id"
    public: ClassVar[bool] = False
    state: ClassVar[bool] = True

    key_id: UUID
    public_key: str
    expires_at: datetime


class ActionRecorded(Event):
    """Something a person did that no other fact tells of (sign-in, view of sensitive data)."""

    topic: ClassVar[str] = "action.recorded"
    publisher: ClassVar[str] = "identity"
    key_field: ClassVar[str] = "action_id"
    public: ClassVar[bool] = False

    action_id: UUID
    company_id: UUID | None
    user_id: UUID | None
    action: str
    """`signed_in`, `sign_in_refused`, `signed_out`, …"""
    detail: str = ""
    address: str = ""
    """The client's network (IPv4 /24, IPv6 /48); before November 2026 its whole address."""
    switches: dict[str, bool] = Field(default_factory=dict)
    """What was switched, and how it is now: of `privacy_changed`, `support_access`, `require_two_factor`."""
    switches_before: dict[str, bool] = Field(default_factory=dict)
