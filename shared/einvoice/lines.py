"""Lines, allowances, charges and the VAT on them: BG-20, BG-21, BG-25 to BG-32."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from pydantic import Field, model_validator

from shared.einvoice.terms import Code, Country, Identifier, Money, Number, Period, Term, Text


class Vat(Term):
    """A VAT category (UNCL 5305: S, Z, E, AE, K, G, O, L, M) and its rate in per cent."""

    category: Code = Field(description="BT-95, BT-102, BT-151")
    rate: Number | None = Field(None, description="BT-96, BT-103, BT-152; none for category O")


class AllowanceCharge(Term):
    """A discount or an addition on a line: BG-27, BG-28.

    Without `amount`, it is `base_amount` times `percentage` per cent, rounded half up to cents.
    """

    amount: Money = Field(description="BT-92, BT-99, BT-136, BT-141; not negative")
    base_amount: Money | None = Field(None, description="BT-93, BT-100, BT-137, BT-142")
    percentage: Number | None = Field(None, description="BT-94, BT-101, BT-138, BT-143")
    reason: Text | None = Field(None, description="BT-97, BT-104, BT-139, BT-144")
    reason_code: Code | None = Field(None, description="BT-98 (UNCL 5189), BT-105 (UNCL 7161), …")

    @model_validator(mode="before")
    @classmethod
    def _amount_from_percentage(cls, data: Any) -> Any:
        if not isinstance(data, dict) or data.get("amount") is not None:
            return data
        base, percentage = data.get("base_amount"), data.get("percentage")
        if base is None or percentage is None:
            return data
        try:
            product = Decimal(str(base)) * Decimal(str(percentage)) / 100
            amount = product.quantize(Decimal("0.01"), ROUND_HALF_UP)
        except ArithmeticError:
            return data
        return {**data, "amount": amount}


class DocumentAllowanceCharge(AllowanceCharge):
    """A discount or an addition on the whole document: BG-20, BG-21."""

    vat: Vat = Field(description="BT-95 and BT-96, BT-102 and BT-103")


class Price(Term):
    """What one unit costs, without VAT: BG-29."""

    net: Number = Field(description="BT-146; not negative")
    discount: Number | None = Field(None, description="BT-147")
    gross: Number | None = Field(None, description="BT-148; not negative")
    base_quantity: Number | None = Field(
        None, description="BT-149: number of units the price is for"
    )
    base_unit: Code | None = Field(None, description="BT-150")


class ItemClassification(Term):
    """A code of a classification of goods: BT-158."""

    code: Code
    scheme: Code = Field(description="BT-158-1: UNTDID 7143")
    version: Code | None = Field(None, description="BT-158-2")


class ItemAttribute(Term):
    """A property of the item: BG-32."""

    name: Text = Field(description="BT-160")
    value: Text = Field(description="BT-161")


class Item(Term):
    """What is sold: BG-31."""

    name: Text = Field(description="BT-153")
    description: Text | None = Field(None, description="BT-154")
    seller_identifier: Code | None = Field(None, description="BT-155")
    buyer_identifier: Code | None = Field(None, description="BT-156")
    standard_identifier: Identifier | None = Field(
        None, description="BT-157; a GTIN has scheme 0160"
    )
    classifications: tuple[ItemClassification, ...] = Field((), description="BT-158")
    origin_country: Country | None = Field(None, description="BT-159")
    attributes: tuple[ItemAttribute, ...] = Field((), description="BG-32")


class LineContent(Term):
    """A line as somebody writes it: BG-25 without what can be computed."""

    id: Code | None = Field(None, description="BT-126; without it, the line's position from 1")
    note: Text | None = Field(None, description="BT-127")
    object_identifier: Identifier | None = Field(None, description="BT-128")
    quantity: Number = Field(description="BT-129")
    unit: Code = Field(
        "C62", description="BT-130: UN/ECE recommendation 20 and 21; C62 is one, HUR an hour"
    )
    order_line_reference: Code | None = Field(None, description="BT-132")
    accounting_reference: Text | None = Field(None, description="BT-133")
    period: Period | None = Field(None, description="BG-26")
    allowances: tuple[AllowanceCharge, ...] = Field((), description="BG-27")
    charges: tuple[AllowanceCharge, ...] = Field((), description="BG-28")
    price: Price = Field(description="BG-29")
    vat: Vat = Field(description="BG-30")
    item: Item = Field(description="BG-31")


class Line(LineContent):
    """A line of an invoice: BG-25."""

    id: Code = Field(description="BT-126")
    net_amount: Money = Field(description="BT-131")
