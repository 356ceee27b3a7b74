"""Lines, allowances and charges out of UBL."""

from typing import Any

from shared.einvoice.syntax.reading import (
    Element,
    basic,
    boolean,
    child,
    children,
    element_text,
    group_or_none,
    identifier,
    present,
    text,
)


def line(entry: Element) -> dict[str, Any]:
    """BG-25."""
    quantity = basic(entry, "InvoicedQuantity")
    if quantity is None:
        quantity = basic(entry, "CreditedQuantity")
    period = child(entry, "InvoicePeriod")
    return present(
        id=text(entry, "ID"),
        note=text(entry, "Note"),
        object_identifier=identifier(basic(child(entry, "DocumentReference"), "ID")),
        quantity=element_text(quantity),
        unit=None if quantity is None else quantity.get("unitCode"),
        net_amount=text(entry, "LineExtensionAmount"),
        order_line_reference=text(entry, "OrderLineReference", "LineID"),
        accounting_reference=text(entry, "AccountingCost"),
        period=group_or_none(start=text(period, "StartDate"), end=text(period, "EndDate")),
        allowances=allowance_charges(entry, charge=False),
        charges=allowance_charges(entry, charge=True),
        price=_price(child(entry, "Price")),
        vat=_vat(child(entry, "Item", "ClassifiedTaxCategory")),
        item=_item(child(entry, "Item")),
    )


def allowance_charges(parent: Element, *, charge: bool) -> tuple[dict[str, Any], ...]:
    """BG-20 or BG-27, or, of charges, BG-21 or BG-28."""
    return tuple(
        present(
            amount=text(entry, "Amount"),
            base_amount=text(entry, "BaseAmount"),
            percentage=text(entry, "MultiplierFactorNumeric"),
            reason=text(entry, "AllowanceChargeReason"),
            reason_code=text(entry, "AllowanceChargeReasonCode"),
            vat=_vat(child(entry, "TaxCategory")),
        )
        for entry in children(parent, "AllowanceCharge")
        if boolean(text(entry, "ChargeIndicator")) is charge
    )


def _vat(category: Element | None) -> dict[str, Any] | None:
    return group_or_none(category=text(category, "ID"), rate=text(category, "Percent"))


def _price(price: Element | None) -> dict[str, Any]:
    base = basic(price, "BaseQuantity")
    allowance = child(price, "AllowanceCharge")
    return present(
        net=text(price, "PriceAmount"),
        discount=text(allowance, "Amount"),
        gross=text(allowance, "BaseAmount"),
        base_quantity=element_text(base),
        base_unit=None if base is None else base.get("unitCode"),
    )


def _item(item: Element | None) -> dict[str, Any]:
    codes = [
        basic(entry, "ItemClassificationCode")
        for entry in children(item, "CommodityClassification")
    ]
    return present(
        name=text(item, "Name"),
        description=text(item, "Description"),
        seller_identifier=text(item, "SellersItemIdentification", "ID"),
        buyer_identifier=text(item, "BuyersItemIdentification", "ID"),
        standard_identifier=identifier(basic(child(item, "StandardItemIdentification"), "ID")),
        classifications=tuple(
            present(
                code=element_text(code),
                scheme=code.get("listID"),
                version=code.get("listVersionID"),
            )
            for code in codes
            if code is not None
        ),
        origin_country=text(item, "OriginCountry", "IdentificationCode"),
        attributes=tuple(
            present(name=text(entry, "Name"), value=text(entry, "Value"))
            for entry in children(item, "AdditionalItemProperty")
        ),
    )
