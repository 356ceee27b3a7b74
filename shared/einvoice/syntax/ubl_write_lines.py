"""Lines, VAT breakdown and totals in UBL."""

from decimal import Decimal

from shared.einvoice.lines import Item, Line, Price, Vat
from shared.einvoice.model import Invoice
from shared.einvoice.syntax.names import INVOICED_OBJECT
from shared.einvoice.syntax.writing import (
    Element,
    add,
    add_allowance_charge,
    add_amount,
    add_period,
    add_vat,
    group,
    number,
)


def add_tax_totals(root: Element, invoice: Invoice) -> None:
    """BG-23, BT-110 and BT-111."""
    total = group(root, "TaxTotal")
    vat = invoice.totals.vat
    add_amount(total, "TaxAmount", Decimal(0) if vat is None else vat, invoice.currency)
    for part in invoice.vat_breakdown:
        subtotal = group(total, "TaxSubtotal")
        add_amount(subtotal, "TaxableAmount", part.taxable_amount, invoice.currency)
        add_amount(subtotal, "TaxAmount", part.tax_amount, invoice.currency)
        category = Vat(category=part.category, rate=part.rate)
        add_vat(subtotal, "TaxCategory", category, part.exemption_reason, part.exemption_code)
    if invoice.accounting_currency and invoice.totals.vat_in_accounting_currency is not None:
        amount = invoice.totals.vat_in_accounting_currency
        add_amount(group(root, "TaxTotal"), "TaxAmount", amount, invoice.accounting_currency)


def add_totals(root: Element, invoice: Invoice) -> None:
    """BG-22."""
    element, totals = group(root, "LegalMonetaryTotal"), invoice.totals
    for name, amount in (
        ("LineExtensionAmount", totals.line_total),
        ("TaxExclusiveAmount", totals.without_vat),
        ("TaxInclusiveAmount", totals.with_vat),
        ("AllowanceTotalAmount", totals.allowance_total),
        ("ChargeTotalAmount", totals.charge_total),
        ("PrepaidAmount", totals.paid),
        ("PayableRoundingAmount", totals.rounding),
        ("PayableAmount", totals.amount_due),
    ):
        add_amount(element, name, amount, invoice.currency)


def add_line(root: Element, line: Line, currency: str, *, credit: bool) -> None:
    """BG-25."""
    element = group(root, "CreditNoteLine" if credit else "InvoiceLine")
    add(element, "ID", line.id)
    add(element, "Note", line.note)
    quantity = "CreditedQuantity" if credit else "InvoicedQuantity"
    add(element, quantity, number(line.quantity), unitCode=line.unit)
    add_amount(element, "LineExtensionAmount", line.net_amount, currency)
    add(element, "AccountingCost", line.accounting_reference)
    add_period(element, line.period)
    if line.order_line_reference:
        add(group(element, "OrderLineReference"), "LineID", line.order_line_reference)
    if line.object_identifier:
        reference = group(element, "DocumentReference")
        add(reference, "ID", line.object_identifier.value, schemeID=line.object_identifier.scheme)
        add(reference, "DocumentTypeCode", INVOICED_OBJECT)
    for allowance in line.allowances:
        add_allowance_charge(element, allowance, currency, charge=False)
    for charge in line.charges:
        add_allowance_charge(element, charge, currency, charge=True)
    _item(element, line.item, line.vat)
    _price(element, line.price, currency)


def _item(line: Element, item: Item, vat: Vat) -> None:
    element = group(line, "Item")
    add(element, "Description", item.description)
    add(element, "Name", item.name)
    if item.buyer_identifier:
        add(group(element, "BuyersItemIdentification"), "ID", item.buyer_identifier)
    if item.seller_identifier:
        add(group(element, "SellersItemIdentification"), "ID", item.seller_identifier)
    if item.standard_identifier:
        identification = group(element, "StandardItemIdentification")
        add(
            identification,
            "ID",
            item.standard_identifier.value,
            schemeID=item.standard_identifier.scheme,
        )
    if item.origin_country:
        add(group(element, "OriginCountry"), "IdentificationCode", item.origin_country)
    for classification in item.classifications:
        add(
            group(element, "CommodityClassification"),
            "ItemClassificationCode",
            classification.code,
            listID=classification.scheme,
            listVersionID=classification.version,
        )
    add_vat(element, "ClassifiedTaxCategory", vat)
    for attribute in item.attributes:
        entry = group(element, "AdditionalItemProperty")
        add(entry, "Name", attribute.name)
        add(entry, "Value", attribute.value)


def _price(line: Element, price: Price, currency: str) -> None:
    element = group(line, "Price")
    add_amount(element, "PriceAmount", price.net, currency)
    if price.base_quantity is not None:
        add(element, "BaseQuantity", number(price.base_quantity), unitCode=price.base_unit)
    if price.discount is not None or price.gross is not None:
        allowance = group(element, "AllowanceCharge")
        add(allowance, "ChargeIndicator", "false")
        discount = price.discount
        if discount is None and price.gross is not None:
            discount = price.gross - price.net
        add_amount(allowance, "Amount", discount, currency)
        add_amount(allowance, "BaseAmount", price.gross, currency)
