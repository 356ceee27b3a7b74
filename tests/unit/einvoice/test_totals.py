"""The arithmetic of an invoice, by examples worked out by hand."""

from decimal import Decimal

import pytest

from shared.einvoice.lines import AllowanceCharge, Price, Vat
from shared.einvoice.model import VatExemption
from shared.einvoice.totals import complete, line_net_amount, rounded
from tests.unit.einvoice.samples import ISSUED, STANDARD_BE, belgian, french, issued, line


@pytest.mark.parametrize(
    ("amount", "cents"),
    [
        ("0.005", "0.01"),
        ("0.0049", "0.00"),
        ("2.345", "2.35"),
        ("-0.005", "-0.01"),
        ("1.015", "1.02"),
    ],
)
def test_halves_are_rounded_away_from_zero(amount: str, cents: str) -> None:
    assert rounded(Decimal(amount)) == Decimal(cents)


def test_a_line_is_quantity_times_price_less_discounts_plus_charges() -> None:
    entry = line(
        quantity="3",
        price="9.99",
        allowances=(AllowanceCharge(amount=Decimal("1.50"), reason="x"),),
        charges=(AllowanceCharge(amount=Decimal("0.25"), reason="y"),),
    )
    assert line_net_amount(entry) == Decimal("28.72")


def test_a_price_may_be_for_several_units() -> None:
    entry = line(quantity="250").model_copy(
        update={"price": Price(net=Decimal("12.30"), base_quantity=Decimal(100))}
    )
    assert line_net_amount(entry) == Decimal("30.75")


def test_an_allowance_can_be_given_as_a_percentage() -> None:
    allowance = AllowanceCharge.model_validate(
        {"base_amount": "285.00", "percentage": "10", "reason": "x"}
    )
    assert allowance.amount == Decimal("28.50")


def test_totals_of_two_rates_a_discount_and_a_charge() -> None:
    invoice = issued(belgian())
    totals = invoice.totals
    # 285.00 - 28.50; 333 × 0.47; 1.5 × 95.00
    assert [entry.net_amount for entry in invoice.lines] == [
        Decimal("256.50"), Decimal("156.51"), Decimal("142.50"),
    ]  # fmt: skip
    assert (totals.line_total, totals.allowance_total, totals.charge_total) == (
        Decimal("555.51"), Decimal("12.00"), Decimal("25.00"),
    )  # fmt: skip
    assert [
        (part.rate, part.taxable_amount, part.tax_amount) for part in invoice.vat_breakdown
    ] == [
        (Decimal(21), Decimal("412.00"), Decimal("86.52")),
        (Decimal(6), Decimal("156.51"), Decimal("9.39")),
    ]
    assert (totals.without_vat, totals.vat, totals.with_vat, totals.amount_due) == (
        Decimal("568.51"), Decimal("95.91"), Decimal("664.42"), Decimal("664.42"),
    )  # fmt: skip


def test_what_is_paid_and_rounding_change_the_amount_due_alone() -> None:
    totals = issued(belgian(paid=Decimal("100.00"), rounding=Decimal("-0.02"))).totals
    assert totals.with_vat == Decimal("664.42")
    assert totals.amount_due == Decimal("564.40")


def test_equal_rates_written_differently_are_one_entry() -> None:
    lines = (line(vat=STANDARD_BE), line(vat=Vat(category="S", rate=Decimal("21.00"))))
    assert len(issued(belgian(lines=lines, allowances=(), charges=())).vat_breakdown) == 1


@pytest.mark.parametrize(
    ("category", "code"), [("AE", "VATEX-EU-AE"), ("K", "VATEX-EU-IC"), ("G", "VATEX-EU-G")]
)
def test_categories_without_vat_say_why(category: str, code: str) -> None:
    lines = (line(vat=Vat(category=category, rate=Decimal(0))),)
    (part,) = issued(belgian(lines=lines, allowances=(), charges=())).vat_breakdown
    assert (part.tax_amount, part.exemption_code) == (Decimal("0.00"), code)


def test_an_exemption_is_explained_by_the_seller_alone() -> None:
    content = belgian(
        lines=(line(vat=Vat(category="E", rate=Decimal(0))),), allowances=(), charges=()
    )
    assert issued(content).vat_breakdown[0].exemption_reason is None
    reason = VatExemption(category="E", reason="Art. 44 CTVA")
    explained = issued(content.model_copy(update={"exemptions": (reason,)}))
    assert explained.vat_breakdown[0].exemption_reason == "Art. 44 CTVA"


def test_lines_are_numbered_by_position_unless_they_have_an_id() -> None:
    lines = (line(), line(id="A7"), line())
    invoice = complete(belgian(lines=lines, allowances=(), charges=()), "1", ISSUED)
    assert [entry.id for entry in invoice.lines] == ["1", "A7", "3"]


def test_the_process_is_peppols_unless_both_parties_are_french() -> None:
    assert issued(belgian()).business_process == "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"
    assert issued(french(business_process=None)).business_process == "M1"
    assert issued(french(business_process="S1")).business_process == "S1"
