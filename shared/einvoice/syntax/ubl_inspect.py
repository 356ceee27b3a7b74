"""What a UBL document says about itself, without reading all of it."""

from decimal import Decimal, InvalidOperation

from pydantic import Field, ValidationError

from shared.einvoice.syntax.names import CREDIT_NOTE_ROOT, UblError, wrong_terms
from shared.einvoice.syntax.reading import Element, child, text
from shared.einvoice.syntax.ubl_number import is_signed
from shared.einvoice.syntax.ubl_read import ubl_root
from shared.einvoice.syntax.ubl_read_parties import buyer, seller
from shared.einvoice.terms import Identifier, Money, Term
from shared.einvoice.xml import MAX_BYTES, parse


class PartyIdentity(Term):
    """By what a party can be told."""

    name: str | None = Field(None, description="BT-27, BT-44")
    country: str | None = Field(None, description="BT-40, BT-55")
    vat_identifier: str | None = Field(None, description="BT-31, BT-48")
    legal_registration: Identifier | None = Field(None, description="BT-30, BT-47")
    identifiers: tuple[Identifier, ...] = Field((), description="BT-29, BT-46")
    electronic_address: Identifier | None = Field(None, description="BT-34, BT-49")


class Inspection(Term):
    """The face of a UBL document."""

    is_credit_note: bool
    type_code: str | None = Field(None, description="BT-3")
    number: str | None = Field(None, description="BT-1")
    issue_date: str | None = Field(None, description="BT-2, as written")
    currency: str | None = Field(None, description="BT-5")
    specification: str | None = Field(None, description="BT-24: CustomizationID")
    business_process: str | None = Field(None, description="BT-23: ProfileID")
    seller: PartyIdentity = Field(description="BG-4")
    buyer: PartyIdentity = Field(description="BG-7")
    without_vat: Money | None = Field(None, description="BT-109")
    with_vat: Money | None = Field(None, description="BT-112")
    amount_due: Money | None = Field(None, description="BT-115")
    is_signed: bool = False

    @property
    def is_french(self) -> bool:
        """Whether both parties are in France, so that the French rules apply too."""
        return self.seller.country == "FR" == self.buyer.country


def inspect(xml: bytes, limit: int = MAX_BYTES) -> Inspection:
    """Parties, totals and kind, as far as they are given; raises UblError or `xml.XmlRefused`."""
    root = ubl_root(parse(xml, limit))
    totals = child(root, "LegalMonetaryTotal")
    fields = {
        "is_credit_note": root.tag == CREDIT_NOTE_ROOT,
        "type_code": text(root, "InvoiceTypeCode") or text(root, "CreditNoteTypeCode"),
        "number": text(root, "ID"),
        "issue_date": text(root, "IssueDate"),
        "currency": text(root, "DocumentCurrencyCode"),
        "specification": text(root, "CustomizationID"),
        "business_process": text(root, "ProfileID"),
        "seller": _identity(seller(child(root, "AccountingSupplierParty", "Party"))),
        "buyer": _identity(buyer(child(root, "AccountingCustomerParty", "Party"))),
        "without_vat": _amount(totals, "TaxExclusiveAmount"),
        "with_vat": _amount(totals, "TaxInclusiveAmount"),
        "amount_due": _amount(totals, "PayableAmount"),
        "is_signed": is_signed(root),
    }
    try:
        return Inspection.model_validate(fields)
    except ValidationError as error:
        raise wrong_terms(error) from error


def _identity(fields: dict[str, object]) -> dict[str, object]:
    address = fields.get("address")
    known = {name: fields[name] for name in PartyIdentity.model_fields if name in fields}
    return known | {"country": address.get("country") if isinstance(address, dict) else None}


def _amount(totals: Element | None, name: str) -> Decimal | None:
    value = text(totals, name)
    try:
        return None if value is None else Decimal(value)
    except InvalidOperation as error:
        raise UblError(
            f"cbc:{name} is {value!r}: write a number with a point, such as 1234.50"
        ) from error
