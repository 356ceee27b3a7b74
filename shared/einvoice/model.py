"""The semantic model of EN 16931: an invoice in business terms, without any syntax.

`InvoiceContent` is what a person or a system writes; `shared.einvoice.totals.complete` makes an
`Invoice` of it. Field descriptions name the business terms (BT-…) and groups (BG-…).
"""

from datetime import date

from pydantic import Field

from shared.einvoice.lines import (
    AllowanceCharge,
    DocumentAllowanceCharge,
    Item,
    ItemAttribute,
    ItemClassification,
    Line,
    LineContent,
    Price,
    Vat,
)
from shared.einvoice.parties import (
    Address,
    Buyer,
    Contact,
    CreditTransfer,
    Delivery,
    DirectDebit,
    Party,
    Payee,
    PaymentCard,
    PaymentInstructions,
    Seller,
    TaxRepresentative,
)
from shared.einvoice.terms import (
    Code,
    Currency,
    ElectronicAddress,
    Identifier,
    Money,
    Number,
    Period,
    Term,
    Text,
)

__all__ = [
    "Address", "AllowanceCharge", "Buyer", "Contact", "CreditTransfer", "Delivery", "DirectDebit",
    "DocumentAllowanceCharge", "DocumentTotals", "ElectronicAddress", "Identifier", "Invoice",
    "InvoiceContent", "Item", "ItemAttribute", "ItemClassification", "Line", "LineContent", "Note", "Party",
    "Payee", "PaymentCard", "PaymentInstructions", "Period", "PrecedingInvoice", "Price", "Seller",
    "SupportingDocument", "TaxRepresentative", "Vat", "VatBreakdown", "VatExemption",
]  # fmt: skip

CREDIT_NOTE_TYPES = frozenset(
    ("81", "83", "261", "262", "296", "308", "381", "396", "420", "458", "502", "503", "532")
)
"""The codes of UNTDID 1001 that EN 16931 counts as credit notes."""


class Note(Term):
    """A remark for the reader: BG-1."""

    text: Text = Field(description="BT-22")
    subject: Code | None = Field(
        None, description="BT-21: UNTDID 4451; France wants PMT, PMD and AAB (BR-FR-05)"
    )


class PrecedingInvoice(Term):
    """The invoice that this one corrects or credits: BG-3."""

    number: Code = Field(description="BT-25")
    issue_date: date | None = Field(None, description="BT-26")


class SupportingDocument(Term):
    """A document that goes with the invoice: BG-24."""

    reference: Code = Field(description="BT-122")
    description: Text | None = Field(None, description="BT-123")
    location: Text | None = Field(None, description="BT-124: URL")
    content: str | None = Field(None, description="BT-125: base64")
    mime_code: Code | None = Field(None, description="BT-125-1")
    filename: Text | None = Field(None, description="BT-125-2")


class VatExemption(Term):
    """Why no VAT is charged in a category: BT-120, BT-121."""

    category: Code = Field(description="BT-118")
    reason: Text | None = Field(None, description="BT-120")
    code: Code | None = Field(None, description="BT-121: a VATEX code")


class VatBreakdown(Term):
    """The VAT of one category and rate: BG-23."""

    category: Code = Field(description="BT-118")
    rate: Number | None = Field(None, description="BT-119; none for category O")
    taxable_amount: Money = Field(description="BT-116")
    tax_amount: Money = Field(description="BT-117")
    exemption_reason: Text | None = Field(None, description="BT-120")
    exemption_code: Code | None = Field(None, description="BT-121")


class DocumentTotals(Term):
    """The sums: BG-22."""

    line_total: Money = Field(description="BT-106: sum of the lines' net amounts")
    allowance_total: Money | None = Field(None, description="BT-107")
    charge_total: Money | None = Field(None, description="BT-108")
    without_vat: Money = Field(description="BT-109")
    vat: Money | None = Field(None, description="BT-110")
    vat_in_accounting_currency: Money | None = Field(None, description="BT-111")
    with_vat: Money = Field(description="BT-112")
    paid: Money | None = Field(None, description="BT-113")
    rounding: Money | None = Field(None, description="BT-114")
    amount_due: Money = Field(description="BT-115")


class _Header(Term):
    """What content and invoice have in common."""

    type_code: Code = Field(
        "380", description="BT-3: UNTDID 1001; 380 invoice, 381 credit note, 384, 386, 389"
    )
    currency: Currency = Field("EUR", description="BT-5")
    accounting_currency: Currency | None = Field(None, description="BT-6")
    vat_point_date: date | None = Field(None, description="BT-7")
    vat_point_code: Code | None = Field(None, description="BT-8: UNTDID 2005")
    due_date: date | None = Field(None, description="BT-9")
    buyer_reference: Text | None = Field(None, description="BT-10")
    project_reference: Code | None = Field(None, description="BT-11")
    contract_reference: Code | None = Field(None, description="BT-12")
    purchase_order_reference: Code | None = Field(None, description="BT-13")
    sales_order_reference: Code | None = Field(None, description="BT-14")
    receiving_advice_reference: Code | None = Field(None, description="BT-15")
    despatch_advice_reference: Code | None = Field(None, description="BT-16")
    tender_reference: Code | None = Field(None, description="BT-17")
    invoiced_object: Identifier | None = Field(None, description="BT-18")
    accounting_reference: Text | None = Field(None, description="BT-19")
    payment_terms: Text | None = Field(None, description="BT-20")
    notes: tuple[Note, ...] = Field((), description="BG-1")
    business_process: Code | None = Field(
        None, description="BT-23; in France B1, S1, M1 …: goods, services, both (BR-FR-08)"
    )
    specification: Code | None = Field(None, description="BT-24")
    preceding_invoices: tuple[PrecedingInvoice, ...] = Field((), description="BG-3")
    seller: Seller = Field(description="BG-4")
    buyer: Buyer = Field(description="BG-7")
    payee: Payee | None = Field(None, description="BG-10")
    tax_representative: TaxRepresentative | None = Field(None, description="BG-11")
    delivery: Delivery | None = Field(None, description="BG-13")
    period: Period | None = Field(None, description="BG-14")
    payment: PaymentInstructions | None = Field(None, description="BG-16")
    allowances: tuple[DocumentAllowanceCharge, ...] = Field((), description="BG-20")
    charges: tuple[DocumentAllowanceCharge, ...] = Field((), description="BG-21")
    attachments: tuple[SupportingDocument, ...] = Field((), description="BG-24")

    @property
    def is_credit_note(self) -> bool:
        """Whether BT-3 is one of the codes of credit notes."""
        return self.type_code in CREDIT_NOTE_TYPES

    @property
    def is_french(self) -> bool:
        """Whether both parties are in France, so that the French rules apply too."""
        return self.seller.address.country == "FR" == self.buyer.address.country


class InvoiceContent(_Header):
    """An invoice as somebody writes it: neither number, nor issue date, nor anything computed."""

    lines: tuple[LineContent, ...] = Field(min_length=1, description="BG-25")
    exemptions: tuple[VatExemption, ...] = Field((), description="BT-120 and BT-121 by category")
    paid: Money | None = Field(None, description="BT-113")
    rounding: Money | None = Field(None, description="BT-114")
    vat_in_accounting_currency: Money | None = Field(
        None, description="BT-111; wanted when BT-6 is given"
    )


class Invoice(_Header):
    """An invoice or a credit note in the terms of EN 16931."""

    number: Code = Field(description="BT-1")
    issue_date: date = Field(description="BT-2")
    lines: tuple[Line, ...] = Field(description="BG-25")
    totals: DocumentTotals = Field(description="BG-22")
    vat_breakdown: tuple[VatBreakdown, ...] = Field(description="BG-23")
