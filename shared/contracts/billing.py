"""What billing publishes."""

from datetime import date, datetime
from decimal import Decimal
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Base64Bytes, BaseModel, ConfigDict

from shared.contracts.identity import Address
from shared.einvoice.model import Invoice
from shared.events import Event


class Document(BaseModel):
    """The bytes of an issued document, never rendered anew."""

    model_config = ConfigDict(frozen=True)

    name: str
    media_type: str
    sha256: str
    """Hex digest of `content`."""
    content: Base64Bytes


class CustomerChanged(Event):
    """A customer's state."""

    topic: ClassVar[str] = "customer.changed"
    publisher: ClassVar[str] = "billing"
    key_field: ClassVar[str] = "customer_id"
    state: ClassVar[bool] = True

    customer_id: UUID
    company_id: UUID
    name: str
    registration_number: str
    vat_number: str
    address: Address
    language: str
    peppol_id: str
    active: bool


class InvoiceIssued(Event):
    """An invoice became final: it carries a number and may no longer change."""

    topic: ClassVar[str] = "invoice.issued"
    publisher: ClassVar[str] = "billing"
    key_field: ClassVar[str] = "invoice_id"

    invoice_id: UUID
    company_id: UUID
    customer_id: UUID
    number: str
    """BT-1."""
    document_kind: Literal["invoice", "credit_note"]
    issue_date: date
    """BT-2."""
    issued_at: datetime
    buyer_name: str
    amount_due: Decimal
    """BT-115."""
    currency: str
    """BT-5, ISO 4217."""
    language: str
    """fr, nl or en: the buyer's."""
    invoice: Invoice
    original: Document
    """The legal original: UBL 2.1."""


class InvoiceRendered(Event):
    """The readable form of an issued invoice exists: a Factur-X PDF, made once."""

    topic: ClassVar[str] = "invoice.rendered"
    publisher: ClassVar[str] = "billing"
    key_field: ClassVar[str] = "invoice_id"

    invoice_id: UUID
    company_id: UUID
    number: str
    readable: Document
