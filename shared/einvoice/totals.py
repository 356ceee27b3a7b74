"""The arithmetic of EN 16931 (BR-CO-10 to BR-CO-17), rounded half up to the cent."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from shared.einvoice.lines import DocumentAllowanceCharge, Line, LineContent, Vat
from shared.einvoice.model import (
    DocumentTotals,
    Invoice,
    InvoiceContent,
    VatBreakdown,
    VatExemption,
)

PEPPOL_SPECIFICATION = "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0"
PEPPOL_PROCESS = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"
FRENCH_PROCESS = "M1"
"""BT-23 between French parties when nobody says better: goods and services (BR-FR-08)."""

DEFAULT_EXEMPTIONS = {
    "AE": VatExemption(category="AE", reason="Reverse charge", code="VATEX-EU-AE"),
    "K": VatExemption(category="K", reason="Intra-Community supply", code="VATEX-EU-IC"),
    "G": VatExemption(category="G", reason="Export outside the EU", code="VATEX-EU-G"),
    "O": VatExemption(category="O", reason="Not subject to VAT", code="VATEX-EU-O"),
}
"""What BR-AE-10, BR-IC-10, BR-G-10 and BR-O-10 ask for. Category E has none: only the seller knows why."""

_CENT = Decimal("0.01")
_NOTHING = Decimal("0.00")


def rounded(amount: Decimal) -> Decimal:
    """The amount to the cent, halves away from zero."""
    return amount.quantize(_CENT, ROUND_HALF_UP)


def line_net_amount(line: LineContent) -> Decimal:
    """BT-131: quantity times unit price, plus charges, minus allowances (PEPPOL-EN16931-R120)."""
    base = line.price.base_quantity or Decimal(1)
    goods = rounded(line.quantity * line.price.net / base)
    return rounded(
        goods + _sum(c.amount for c in line.charges) - _sum(a.amount for a in line.allowances)
    )


def vat_breakdown(
    lines: Sequence[Line],
    allowances: Sequence[DocumentAllowanceCharge] = (),
    charges: Sequence[DocumentAllowanceCharge] = (),
    exemptions: Sequence[VatExemption] = (),
) -> tuple[VatBreakdown, ...]:
    """BG-23: one entry a category and rate, in the order in which they first appear."""
    taxable: dict[tuple[str, Decimal | None], Decimal] = {}
    for vat, amount in _taxed_amounts(lines, allowances, charges):
        key = (vat.category, None if vat.category == "O" else vat.rate)
        taxable[key] = taxable.get(key, _NOTHING) + amount
    reasons = DEFAULT_EXEMPTIONS | {exemption.category: exemption for exemption in exemptions}
    return tuple(
        _breakdown(category, rate, rounded(amount), reasons.get(category))
        for (category, rate), amount in taxable.items()
    )


def document_totals(
    lines: Sequence[Line], breakdown: Sequence[VatBreakdown], content: InvoiceContent
) -> DocumentTotals:
    """BG-22 by BR-CO-10, -11, -12, -13, -14, -15 and -16."""
    line_total = rounded(_sum(line.net_amount for line in lines))
    allowance_total = rounded(_sum(a.amount for a in content.allowances))
    charge_total = rounded(_sum(c.amount for c in content.charges))
    without_vat = line_total - allowance_total + charge_total
    vat = rounded(_sum(part.tax_amount for part in breakdown))
    with_vat = without_vat + vat
    return DocumentTotals(
        line_total=line_total,
        allowance_total=allowance_total if content.allowances else None,
        charge_total=charge_total if content.charges else None,
        without_vat=without_vat,
        vat=vat,
        vat_in_accounting_currency=content.vat_in_accounting_currency,
        with_vat=with_vat,
        paid=content.paid,
        rounding=content.rounding,
        amount_due=rounded(with_vat - (content.paid or _NOTHING) + (content.rounding or _NOTHING)),
    )


def complete(content: InvoiceContent, number: str, issue_date: date) -> Invoice:
    """The invoice that the content makes under a number (BT-1) and a date (BT-2).

    BT-24 becomes Peppol BIS Billing 3 unless said otherwise; BT-23 its process, or, between French
    parties, the French billing framework.
    """
    lines = tuple(_line(line, position) for position, line in enumerate(content.lines, start=1))
    breakdown = vat_breakdown(lines, content.allowances, content.charges, content.exemptions)
    header = {
        name: getattr(content, name)
        for name in InvoiceContent.model_fields
        if name in Invoice.model_fields
    }
    header["specification"] = content.specification or PEPPOL_SPECIFICATION
    header["business_process"] = content.business_process or (
        FRENCH_PROCESS if content.is_french else PEPPOL_PROCESS
    )
    header["lines"] = lines
    totals = document_totals(lines, breakdown, content)
    return Invoice(
        **header, number=number, issue_date=issue_date, totals=totals, vat_breakdown=breakdown
    )


def _line(line: LineContent, position: int) -> Line:
    fields = {name: getattr(line, name) for name in LineContent.model_fields}
    fields["id"] = line.id or str(position)
    return Line(**fields, net_amount=line_net_amount(line))


def _taxed_amounts(
    lines: Sequence[Line],
    allowances: Sequence[DocumentAllowanceCharge],
    charges: Sequence[DocumentAllowanceCharge],
) -> Iterable[tuple[Vat, Decimal]]:
    yield from ((line.vat, line.net_amount) for line in lines)
    yield from ((allowance.vat, -allowance.amount) for allowance in allowances)
    yield from ((charge.vat, charge.amount) for charge in charges)


def _breakdown(
    category: str, rate: Decimal | None, taxable: Decimal, exemption: VatExemption | None
) -> VatBreakdown:
    explained = exemption if category not in ("S", "Z", "L", "M") else None
    return VatBreakdown(
        category=category,
        rate=rate,
        taxable_amount=taxable,
        tax_amount=rounded(taxable * (rate or _NOTHING) / 100),
        exemption_reason=explained.reason if explained else None,
        exemption_code=explained.code if explained else None,
    )


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, _NOTHING)
