"""From what a person writes to an invoice in the terms of EN 16931."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from shared.einvoice.france import MANDATORY_NOTES
from shared.einvoice.model import (
    Address,
    Buyer,
    CreditTransfer,
    Delivery,
    DocumentAllowanceCharge,
    ElectronicAddress,
    Identifier,
    InvoiceContent,
    LineContent,
    Note,
    PaymentInstructions,
    Period,
    PrecedingInvoice,
    Seller,
    SupportingDocument,
    VatExemption,
)
from shared.einvoice.terms import Code, Currency, Money, Text

SIREN, SIRET, BELGIAN_ENTERPRISE = "0002", "0009", "0208"


class DraftContent(BaseModel):
    """What a draft holds: the invoice without its parties, which are known from elsewhere."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    currency: Currency = "EUR"
    due_date: date | None = Field(None, description="BT-9")
    buyer_reference: Text | None = Field(None, description="BT-10")
    project_reference: Code | None = Field(None, description="BT-11")
    contract_reference: Code | None = Field(None, description="BT-12")
    purchase_order_reference: Code | None = Field(None, description="BT-13")
    payment_terms: Text | None = Field(None, description="BT-20")
    remittance_information: Text | None = Field(None, description="BT-83")
    notes: tuple[Note, ...] = Field((), description="BG-1")
    business_process: Code | None = Field(None, description="BT-23")
    preceding_invoices: tuple[PrecedingInvoice, ...] = Field((), description="BG-3")
    delivery: Delivery | None = Field(None, description="BG-13")
    period: Period | None = Field(None, description="BG-14")
    allowances: tuple[DocumentAllowanceCharge, ...] = Field((), description="BG-20")
    charges: tuple[DocumentAllowanceCharge, ...] = Field((), description="BG-21")
    attachments: tuple[SupportingDocument, ...] = Field((), description="BG-24")
    lines: tuple[LineContent, ...] = Field(min_length=1, description="BG-25")
    exemptions: tuple[VatExemption, ...] = Field((), description="BT-120, BT-121")
    paid: Money | None = Field(None, description="BT-113")
    rounding: Money | None = Field(None, description="BT-114")


def seller_of(state: Mapping[str, Any]) -> Seller:
    """BG-4 from the company's legal information."""
    country = state["address"]["country"]
    return Seller(
        name=state["name"],
        legal_registration=registration(state["registration_number"], country),
        identifiers=_siret(state["registration_number"], country),
        vat_identifier=_compact(state["vat_number"]),
        electronic_address=electronic_address(
            state.get("peppol_id", ""), state["registration_number"], country
        ),
        legal_information=_legal_information(state),
        address=_address(state["address"]),
    )


def buyer_of(state: Mapping[str, Any]) -> Buyer:
    """BG-7 from the customer."""
    country = state["address"]["country"]
    return Buyer(
        name=state["name"],
        legal_registration=registration(state["registration_number"], country),
        identifiers=_siret(state["registration_number"], country),
        vat_identifier=_compact(state["vat_number"]),
        electronic_address=electronic_address(
            state.get("peppol_id", ""), state["registration_number"], country
        ),
        address=_address(state["address"]),
    )


def content_of(
    draft: DraftContent,
    kind: str,
    seller: Mapping[str, Any],
    buyer: Mapping[str, Any],
    reference: str,
) -> InvoiceContent:
    """Everything but number, date and sums. `reference` is what the payer repeats (BT-83)."""
    own = draft.model_dump(exclude={"remittance_information"}, exclude_none=True)
    parties = {"seller": seller_of(seller), "buyer": buyer_of(buyer)}
    content = InvoiceContent.model_validate(
        {
            **own,
            **parties,
            "type_code": "381" if kind == "credit_note" else "380",
            "payment": _payment(seller, draft.remittance_information or reference),
        }
    )
    if not content.is_french:
        return content
    given = {note.subject for note in content.notes}
    missing = tuple(note for note in MANDATORY_NOTES if note.subject not in given)
    return content.model_copy(update={"notes": (*content.notes, *missing)})


def registration(number: str, country: str) -> Identifier | None:
    """BT-30, BT-47 with the scheme of its country; a SIRET gives its SIREN."""
    compact = _compact(number)
    if not compact:
        return None
    if country == "FR":
        return Identifier(value=compact[:9], scheme=SIREN)
    digits = compact.upper().removeprefix("BE").replace(".", "")
    return Identifier(
        value=digits.zfill(10), scheme=BELGIAN_ENTERPRISE if country == "BE" else None
    )


def electronic_address(peppol_id: str, number: str, country: str) -> ElectronicAddress | None:
    """BT-34, BT-49: the Peppol identifier; else the French directory's (0225) or Belgium's (0208)."""
    scheme, _, value = peppol_id.partition(":")
    if value:
        return ElectronicAddress(value=value, scheme=scheme)
    legal = registration(number, country)
    if legal is None:
        return None
    return ElectronicAddress(
        value=legal.value, scheme="0225" if country == "FR" else BELGIAN_ENTERPRISE
    )


def _siret(number: str, country: str) -> tuple[Identifier, ...]:
    compact = _compact(number) or ""
    is_siret = country == "FR" and len(compact) == 14
    return (Identifier(value=compact, scheme=SIRET),) if is_siret else ()


def _address(state: Mapping[str, str]) -> Address:
    return Address(
        line1=state.get("line1") or None,
        line2=state.get("line2") or None,
        city=state.get("city") or None,
        postcode=state.get("postcode") or None,
        country=state["country"],
    )


def _legal_information(state: Mapping[str, Any]) -> str | None:
    parts = [state.get("legal_form", "")]
    if state.get("share_capital"):
        parts.append(f"capital {state['share_capital']}")
    return ", ".join(p for p in parts if p) or None


def _payment(seller: Mapping[str, Any], reference: str) -> PaymentInstructions | None:
    iban = _compact(seller.get("iban", ""))
    if not iban:
        return None
    account = CreditTransfer(account=iban, name=seller["name"], bic=_compact(seller.get("bic", "")))
    return PaymentInstructions(
        means_code="58", remittance_information=reference, accounts=(account,)
    )


def _compact(value: str) -> str | None:
    return value.replace(" ", "").replace(".", "") or None
