"""Small words for writing UBL elements."""

from datetime import date
from decimal import Decimal

from lxml import etree

from shared.einvoice.lines import AllowanceCharge, Vat
from shared.einvoice.syntax.names import CAC, CBC
from shared.einvoice.terms import Period

Element = etree._Element  # noqa: SLF001 the only name lxml has for the type


def group(parent: Element, name: str) -> Element:
    """A new aggregate element (cac)."""
    return etree.SubElement(parent, f"{{{CAC}}}{name}")


def add(
    parent: Element, name: str, value: str | date | Decimal | None, /, **attributes: str | None
) -> None:
    """A basic element (cbc), unless there is no value."""
    if value is None or value == "":
        return
    element = etree.SubElement(parent, f"{{{CBC}}}{name}")
    element.text = number(value) if isinstance(value, Decimal) else str(value)
    for key, attribute in attributes.items():
        if attribute is not None:
            element.set(key, attribute)


def number(value: Decimal) -> str:
    """Digits without an exponent; -0 is 0."""
    return format(value or abs(value), "f")


def cents(value: Decimal) -> str:
    """At least two decimals, as amounts are written; more are kept, for the rules to judge."""
    exponent = value.as_tuple().exponent
    return number(
        value.quantize(Decimal("0.01")) if isinstance(exponent, int) and exponent > -2 else value
    )


def add_amount(parent: Element, name: str, value: Decimal | None, currency: str) -> None:
    """An amount with its currency, unless there is none."""
    if value is not None:
        add(parent, name, cents(value), currencyID=currency)


def add_period(parent: Element, period: Period | None) -> None:
    """BG-26."""
    if period:
        element = group(parent, "InvoicePeriod")
        add(element, "StartDate", period.start)
        add(element, "EndDate", period.end)


def add_vat(
    parent: Element, name: str, vat: Vat, reason: str | None = None, reason_code: str | None = None
) -> None:
    """A VAT category and its rate, with the reason for charging none."""
    element = group(parent, name)
    add(element, "ID", vat.category)
    add(element, "Percent", vat.rate)
    add(element, "TaxExemptionReasonCode", reason_code)
    add(element, "TaxExemptionReason", reason)
    add(group(element, "TaxScheme"), "ID", "VAT")


def add_allowance_charge(
    parent: Element, entry: AllowanceCharge, currency: str, *, charge: bool, vat: Vat | None = None
) -> None:
    """BG-20, BG-21, BG-27 or BG-28."""
    element = group(parent, "AllowanceCharge")
    add(element, "ChargeIndicator", "true" if charge else "false")
    add(element, "AllowanceChargeReasonCode", entry.reason_code)
    add(element, "AllowanceChargeReason", entry.reason)
    add(element, "MultiplierFactorNumeric", entry.percentage)
    add_amount(element, "Amount", entry.amount, currency)
    add_amount(element, "BaseAmount", entry.base_amount, currency)
    if vat:
        add_vat(element, "TaxCategory", vat)
