"""Small words for writing CII elements."""

from datetime import date
from decimal import Decimal

from lxml import etree

from shared.einvoice.syntax.writing import Element, cents, number

NAMESPACES = {
    "rsm": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
    "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    "qdt": "urn:un:unece:uncefact:data:standard:QualifiedDataType:100",
    "udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
}


def node(parent: Element, path: str) -> Element:
    """New elements, one inside the other; names are of `ram` unless they say otherwise."""
    for name in path.split("/"):
        prefix, _, local = name.rpartition(":")
        parent = etree.SubElement(parent, f"{{{NAMESPACES[prefix or 'ram']}}}{local}")
    return parent


def put(parent: Element, path: str, value: str | Decimal | None, **attributes: str | None) -> None:
    """A value at the end of a path of new elements, unless there is none."""
    if value is None or value == "":
        return
    element = node(parent, path)
    element.text = number(value) if isinstance(value, Decimal) else value
    for name, attribute in attributes.items():
        if attribute is not None:
            element.set(name, attribute)


def put_amount(
    parent: Element, path: str, value: Decimal | None, currency: str | None = None
) -> None:
    """An amount, unless there is none."""
    if value is not None:
        put(parent, path, cents(value), currencyID=currency)


def put_date(
    parent: Element, path: str, value: date | None, kind: str = "udt:DateTimeString"
) -> None:
    """A day in format 102, unless there is none."""
    if value is not None:
        put(parent, f"{path}/{kind}", f"{value:%Y%m%d}", format="102")


def put_indicator(parent: Element, *, charge: bool) -> None:
    """Whether it is a charge or an allowance."""
    put(parent, "ChargeIndicator/udt:Indicator", "true" if charge else "false")
