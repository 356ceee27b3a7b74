"""A UBL 2.1 invoice or credit note as an `Invoice`."""

import re
from typing import Any

from lxml import etree
from pydantic import ValidationError

from shared.einvoice.model import Invoice
from shared.einvoice.syntax.names import (
    CREDIT_NOTE_ROOT,
    INVOICE_ROOT,
    PROJECT,
    UblError,
    wrong_terms,
)
from shared.einvoice.syntax.reading import (
    Element,
    basic,
    child,
    children,
    element_text,
    group_or_none,
    identifier,
    present,
    text,
)
from shared.einvoice.syntax.ubl_read_lines import allowance_charges, line
from shared.einvoice.syntax.ubl_read_parties import (
    address,
    buyer,
    payee,
    seller,
    tax_representative,
)
from shared.einvoice.syntax.ubl_read_references import (
    attachments,
    invoiced_object,
    payment,
    preceding,
    typed,
)
from shared.einvoice.xml import MAX_BYTES, parse

_SUBJECT = re.compile(r"#([A-Z]{3})#")


def read(xml: bytes, limit: int = MAX_BYTES) -> Invoice:
    """The business terms of a UBL invoice; what EN 16931 doesn't know is left aside.

    Raises UblError naming the first terms that are missing or wrong, and `xml.XmlRefused`.
    """
    root = ubl_root(parse(xml, limit))
    fields = _head(root) | _parties(root) | _amounts(root)
    try:
        return Invoice.model_validate(fields)
    except ValidationError as error:
        raise wrong_terms(error) from error


def ubl_root(tree: etree._ElementTree) -> Element:
    """The root, if it is an Invoice or a CreditNote of UBL 2; UblError otherwise."""
    root = tree.getroot()
    if root.tag not in (INVOICE_ROOT, CREDIT_NOTE_ROOT):
        raise UblError(
            f"the root element is {etree.QName(root).localname} of namespace "
            f"{etree.QName(root).namespace or '(none)'}: send a UBL 2.1 Invoice or CreditNote"
        )
    return root


def _head(root: Element) -> dict[str, Any]:
    credit = root.tag == CREDIT_NOTE_ROOT
    default_type = "381" if credit else "380"
    period, order = child(root, "InvoicePeriod"), child(root, "OrderReference")
    additional = children(root, "AdditionalDocumentReference")
    order_number, sales_order = text(order, "ID"), text(order, "SalesOrderID")
    return present(
        number=text(root, "ID"),
        issue_date=text(root, "IssueDate"),
        type_code=text(root, "CreditNoteTypeCode" if credit else "InvoiceTypeCode") or default_type,
        currency=text(root, "DocumentCurrencyCode"),
        accounting_currency=text(root, "TaxCurrencyCode"),
        vat_point_date=text(root, "TaxPointDate"),
        vat_point_code=text(period, "DescriptionCode"),
        due_date=text(root, "DueDate") or text(root, "PaymentMeans", "PaymentDueDate"),
        buyer_reference=text(root, "BuyerReference"),
        project_reference=text(root, "ProjectReference", "ID") or typed(additional, PROJECT),
        contract_reference=text(root, "ContractDocumentReference", "ID"),
        purchase_order_reference=None if order_number == "NA" and sales_order else order_number,
        sales_order_reference=sales_order,
        receiving_advice_reference=text(root, "ReceiptDocumentReference", "ID"),
        despatch_advice_reference=text(root, "DespatchDocumentReference", "ID"),
        tender_reference=text(root, "OriginatorDocumentReference", "ID"),
        invoiced_object=invoiced_object(additional),
        accounting_reference=text(root, "AccountingCost"),
        payment_terms="\n".join(
            filter(None, (text(t, "Note") for t in children(root, "PaymentTerms")))
        )
        or None,
        notes=_notes(root),
        business_process=text(root, "ProfileID"),
        specification=text(root, "CustomizationID"),
        preceding_invoices=preceding(root),
        period=group_or_none(start=text(period, "StartDate"), end=text(period, "EndDate")),
        attachments=attachments(additional),
    )


def _parties(root: Element) -> dict[str, Any]:
    delivery = child(root, "Delivery")
    return present(
        seller=seller(child(root, "AccountingSupplierParty", "Party")),
        buyer=buyer(child(root, "AccountingCustomerParty", "Party")),
        payee=payee(child(root, "PayeeParty")),
        tax_representative=tax_representative(child(root, "TaxRepresentativeParty")),
        payment=payment(root),
        delivery=group_or_none(
            actual_date=text(delivery, "ActualDeliveryDate"),
            location=identifier(basic(child(delivery, "DeliveryLocation"), "ID")),
            address=address(child(delivery, "DeliveryLocation", "Address")),
            party_name=text(delivery, "DeliveryParty", "PartyName", "Name"),
        ),
    )


def _amounts(root: Element) -> dict[str, Any]:
    currency = text(root, "DocumentCurrencyCode")
    totals = child(root, "LegalMonetaryTotal")
    tax = [t for t in children(root, "TaxTotal") if _currency(t) in (currency, None)]
    accounting = [t for t in children(root, "TaxTotal") if _currency(t) not in (currency, None)]
    lines = children(root, "InvoiceLine") + children(root, "CreditNoteLine")
    return present(
        allowances=allowance_charges(root, charge=False),
        charges=allowance_charges(root, charge=True),
        lines=tuple(line(entry) for entry in lines),
        totals=present(
            line_total=text(totals, "LineExtensionAmount"),
            allowance_total=text(totals, "AllowanceTotalAmount"),
            charge_total=text(totals, "ChargeTotalAmount"),
            without_vat=text(totals, "TaxExclusiveAmount"),
            vat=text(tax[0], "TaxAmount") if tax else None,
            vat_in_accounting_currency=text(accounting[0], "TaxAmount") if accounting else None,
            with_vat=text(totals, "TaxInclusiveAmount"),
            paid=text(totals, "PrepaidAmount"),
            rounding=text(totals, "PayableRoundingAmount"),
            amount_due=text(totals, "PayableAmount"),
        ),
    ) | {"vat_breakdown": tuple(_subtotal(e) for t in tax[:1] for e in children(t, "TaxSubtotal"))}


def _currency(total: Element) -> str | None:
    amount = basic(total, "TaxAmount")
    return None if amount is None else amount.get("currencyID")


def _subtotal(entry: Element) -> dict[str, Any]:
    category = child(entry, "TaxCategory")
    return present(
        category=text(category, "ID"),
        rate=text(category, "Percent"),
        taxable_amount=text(entry, "TaxableAmount"),
        tax_amount=text(entry, "TaxAmount"),
        exemption_reason=text(category, "TaxExemptionReason"),
        exemption_code=text(category, "TaxExemptionReasonCode"),
    )


def _notes(root: Element) -> tuple[dict[str, Any], ...]:
    notes: list[dict[str, Any]] = []
    for element in root.findall("{*}Note"):
        plain, *coded = _SUBJECT.split(element_text(element) or "")
        if plain.strip():
            notes.append({"text": plain.strip()})
        for subject, words in zip(coded[::2], coded[1::2], strict=True):
            if words.strip():
                notes.append({"subject": subject, "text": words.strip()})
    return tuple(notes)
