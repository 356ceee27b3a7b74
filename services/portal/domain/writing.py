"""What a person types into the invoice form, as the content of a draft, and its sums."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from pydantic import ValidationError

from shared.einvoice.lines import DocumentAllowanceCharge, Line, LineContent
from shared.einvoice.model import DocumentTotals, InvoiceContent, VatBreakdown
from shared.einvoice.totals import document_totals, line_net_amount, vat_breakdown

HEAD = (
    "due_date",
    "buyer_reference",
    "purchase_order_reference",
    "contract_reference",
    "payment_terms",
)
LINE = ("name", "quantity", "unit", "price", "vat")
CARRIED = ("number", "description")
"""What a line has from the catalogue besides, unseen cells of the form: BT-155 and BT-154."""
UNITS = ("C62", "HUR", "DAY", "MON", "KGM", "LTR", "MTR", "MTK", "KMT", "XPX")
RATES = {"BE": ("21", "12", "6"), "FR": ("20", "10", "5.5", "2.1")}
WITHOUT_VAT = ("Z", "E", "AE", "K", "G", "O")
EMPTY_LINE = {
    "name": "", "quantity": "1", "unit": "C62", "price": "", "vat": "", "number": "", "description": "",
}  # fmt: skip


@dataclass
class Written:
    """The form's values as typed; `lines` never empty."""

    head: dict[str, str]
    lines: list[dict[str, str]]
    allowance: dict[str, str] = field(default_factory=dict)
    note: str = ""
    exemption: str = ""
    preceding: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Sums:
    """The preview: net amount of each line, VAT by rate, totals."""

    lines: tuple[Decimal, ...]
    breakdown: tuple[VatBreakdown, ...]
    totals: DocumentTotals


def rates_for(country: str) -> list[str]:
    """The choices of VAT (`S:21`), the country's own rates first."""
    own = RATES.get(country, ())
    others = [r for rates in RATES.values() if rates != own for r in rates]
    return [f"S:{rate}" for rate in (*own, *others)] + [f"{c}:0" for c in WITHOUT_VAT]


def plain_number(typed: str) -> str:
    """`1 234,50` as `1234.50`."""
    compact = typed.replace("\u202f", "").replace("\u00a0", "").replace(" ", "").replace("'", "")
    if "," in compact and "." in compact:
        thousands = "." if compact.rfind(",") > compact.rfind(".") else ","
        compact = compact.replace(thousands, "")
    return compact.replace(",", ".")


def content_of(written: Written) -> dict[str, Any]:
    """The draft's content as billing's API wants it; what is empty is left out."""
    content: dict[str, Any] = {k: v for k, v in written.head.items() if v}
    content["lines"] = [_line(line) for line in written.lines if not is_empty(line)]
    if written.note:
        content["notes"] = [{"text": written.note}]
    if written.allowance.get("amount"):
        content["allowances"] = [_allowance(written.allowance)]
    if written.exemption:
        content["exemptions"] = [{"category": "E", "reason": written.exemption}]
    if written.preceding.get("number"):
        content["preceding_invoices"] = [{k: v for k, v in written.preceding.items() if v}]
    return content


def written_from(content: Mapping[str, Any]) -> Written:
    """The other way: a draft's content in the form."""
    notes, allowances = content.get("notes") or [], content.get("allowances") or []
    exemptions, preceding = content.get("exemptions") or [], content.get("preceding_invoices") or []
    allowance = allowances[0] if allowances else {}
    return Written(
        head={name: str(content.get(name) or "") for name in HEAD},
        lines=[_typed(line) for line in content.get("lines") or []] or [dict(EMPTY_LINE)],
        allowance={
            "amount": str(allowance.get("amount", "")),
            "reason": str(allowance.get("reason", "")),
            "vat": vat_choice(allowance["vat"]) if allowance else "",
        },
        note=str(notes[0]["text"]) if notes else "",
        exemption=str(exemptions[0].get("reason") or "") if exemptions else "",
        preceding={k: str(v) for k, v in preceding[0].items()} if preceding else {},
    )


def sums(content: Mapping[str, Any]) -> Sums | None:
    """What the document will add up to (BG-22, BG-23); None while something can't be read."""
    try:
        contents = [LineContent.model_validate(line) for line in content["lines"]]
        allowances = tuple(
            DocumentAllowanceCharge.model_validate(a) for a in content.get("allowances", ())
        )
    except ValidationError:
        return None
    lines = [
        Line(**{**c.model_dump(), "id": str(n), "net_amount": line_net_amount(c)})
        for n, c in enumerate(contents, start=1)
    ]
    if not lines:
        return None
    breakdown = vat_breakdown(lines, allowances)
    header: dict[str, Any] = {
        "allowances": allowances,
        "charges": (),
        "paid": None,
        "rounding": None,
    }
    header["vat_in_accounting_currency"] = None
    # the parties aren't needed for the sums
    bare = InvoiceContent.model_construct(**header)
    totals = document_totals(lines, breakdown, bare)
    return Sums(tuple(line.net_amount for line in lines), breakdown, totals)


def credit_of(content: Mapping[str, Any], number: str, issue_date: str) -> dict[str, Any]:
    """The draft of a credit note for the whole of an invoice, which it names (BG-3)."""
    kept = ("currency", "buyer_reference", "purchase_order_reference", "contract_reference")
    draft: dict[str, Any] = {name: content[name] for name in kept if content.get(name)}
    for name in ("allowances", "charges"):
        if content.get(name):
            draft[name] = content[name]
    draft["lines"] = [
        {k: v for k, v in line.items() if k not in ("net_amount", "id")}
        for line in content["lines"]
    ]
    reasons = [b for b in content.get("vat_breakdown", ()) if b.get("exemption_reason")]
    if reasons:
        draft["exemptions"] = [
            {
                "category": b["category"],
                "reason": b["exemption_reason"],
                "code": b.get("exemption_code"),
            }
            for b in reasons
        ]
    draft["preceding_invoices"] = [{"number": number, "issue_date": issue_date}]
    return draft


def carried_over(stored: Mapping[str, Any], content: dict[str, Any]) -> dict[str, Any]:
    """The content as edited, with what the form doesn't show kept as it is stored."""
    shown = {*HEAD, "lines", "notes", "allowances", "exemptions", "preceding_invoices"}
    kept = {name: value for name, value in stored.items() if name not in shown}
    before = list(stored.get("lines") or [])
    lines = []
    for position, line in enumerate(content["lines"]):
        old = before[position] if position < len(before) else {}
        same = old.get("item", {}).get("name") == line["item"]["name"]
        hidden = {
            k: v for k, v in old.items() if k not in ("quantity", "unit", "price", "vat", "item")
        }
        lines.append({**hidden, **line, "item": {**old["item"], **line["item"]}} if same else line)
    for name in ("notes", "allowances", "exemptions", "preceding_invoices"):
        old, new = list(stored.get(name) or []), list(content.get(name) or [])
        merged = [{**o, **n} for o, n in zip(old[:1], new, strict=False)] or new
        if merged or old[1:]:
            kept[name] = [*merged, *old[1:]]
    return {**content, **kept, "lines": lines}


def _line(typed: Mapping[str, str]) -> dict[str, Any]:
    return {
        "quantity": plain_number(typed["quantity"]),
        "unit": typed["unit"] or "C62",
        "price": {"net": plain_number(typed["price"])},
        "vat": vat_of(typed["vat"]),
        "item": {
            "name": typed["name"],
            **({"seller_identifier": typed["number"]} if typed.get("number") else {}),
            **({"description": typed["description"]} if typed.get("description") else {}),
        },
    }


def line_of(product: Mapping[str, Any]) -> dict[str, str]:
    """A line with one of a product of the catalogue."""
    return {
        "name": str(product["name"]),
        "quantity": "1",
        "unit": str(product["unit"]),
        "price": str(product["price"]),
        "vat": vat_choice(product["vat"]),
        "number": str(product["number"] or ""),
        "description": str(product["description"] or ""),
    }


def _typed(line: Mapping[str, Any]) -> dict[str, str]:
    return {
        "name": str(line["item"]["name"]),
        "quantity": str(line["quantity"]),
        "unit": str(line.get("unit") or "C62"),
        "price": str(line["price"]["net"]),
        "vat": vat_choice(line["vat"]),
        "number": str(line["item"].get("seller_identifier") or ""),
        "description": str(line["item"].get("description") or ""),
    }


def _allowance(typed: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {"amount": plain_number(typed["amount"]), "vat": vat_of(typed["vat"])}
    if typed.get("reason"):
        found["reason"] = typed["reason"]
    return found


def vat_of(choice: str) -> dict[str, str]:
    """`S:21` as category and rate (BT-151, BT-152)."""
    category, _, rate = choice.partition(":")
    return {"category": category} if category == "O" else {"category": category, "rate": rate}


def vat_choice(vat: Mapping[str, Any]) -> str:
    """The other way."""
    try:
        rate = format(Decimal(str(vat.get("rate") or "0")).normalize(), "f")
    except InvalidOperation:
        rate = "0"
    return f"{vat['category']}:{rate}"


def is_empty(line: Mapping[str, str]) -> bool:
    """Whether nothing is written in a line of the form."""
    return not line["name"] and not line["price"]


def row_numbers(lines: Sequence[Mapping[str, str]]) -> list[int]:
    """Which row of the form each line of the content stands in; empty rows aren't sent."""
    return [position for position, line in enumerate(lines) if not is_empty(line)]
