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


class ProductChanged(Event):
    """A product's state; inactive once it is taken out of the catalogue."""

    topic: ClassVar[str] = "product.changed"
    publisher: ClassVar[str] = "billing"
    key_field: ClassVar[str] = "product_id"
    state: ClassVar[bool] = True

    product_id: UUID
    company_id: UUID
    name: str
    """BT-153."""
    description: str | None
    """BT-154."""
    number: str | None
    """BT-155: the company's own number for it."""
    unit: str
    """BT-130: UN/ECE recommendation 20 and 21."""
    price: Decimal
    """BT-146: the net price of one unit, without VAT, in EUR."""
    vat_category: str
    """BT-151: UNCL 5305."""
    vat_rate: Decimal | None
    """BT-152 in per cent; none where the category has none."""
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
    draft_id: UUID | None = None
    """The draft that it was written as."""


class InvoiceRendered(Event):
    """The readable form of an issued invoice exists: a Factur-X PDF, made once."""

    topic: ClassVar[str] = "invoice.rendered"
    publisher: ClassVar[str] = "billing"
    key_field: ClassVar[str] = "invoice_id"

    invoice_id: UUID
    company_id: UUID
    number: str
    readable: Document


class DocumentOpened(Event):
    """Somebody fetched an issued document: the legal original or its readable form."""

    topic: ClassVar[str] = "document.opened"
    publisher: ClassVar[str] = "billing"
    key_field: ClassVar[str] = "invoice_id"

    invoice_id: UUID
    company_id: UUID
    number: str
    form: Literal["original", "readable"]


class DraftEdited(Event):
    """Somebody wrote, edited or removed a draft; what is in it is the company's own business."""

    topic: ClassVar[str] = "draft.edited"
    publisher: ClassVar[str] = "billing"
    key_field: ClassVar[str] = "draft_id"
    public: ClassVar[bool] = False

    draft_id: UUID
    company_id: UUID
    customer_id: UUID
    document_kind: Literal["invoice", "credit_note"]
    change: Literal["written", "edited", "removed"]


class SeriesStarted(Event):
    """A series of numbers was made, or goes on after another number."""

    topic: ClassVar[str] = "series.started"
    publisher: ClassVar[str] = "billing"
    key_field: ClassVar[str] = "series_id"
    public: ClassVar[bool] = False

    series_id: UUID
    company_id: UUID
    prefix: str
    last_number: int
    """The next number follows this one."""
