"""What stands on the document, as text in the reader's language: the template only places it."""

from decimal import Decimal
from typing import Any

from services.billing.documents.words import LANGUAGES, NO_BREAK, Words
from shared.einvoice.lines import AllowanceCharge, Line
from shared.einvoice.model import Invoice, VatBreakdown
from shared.einvoice.parties import Address, Party
from shared.einvoice.terms import Period

_TITLES = {"384": "corrected", "386": "prepayment", "389": "self_billed"}
_TAXED = frozenset("SLM")
Row = tuple[str, str]


def content(invoice: Invoice, language: str) -> dict[str, Any]:
    """Everything the template places, in `fr`, `nl` or `en`."""
    words = Words(language if language in LANGUAGES else "en", invoice.currency)
    texts = {name: text for name, text in words.texts.items() if isinstance(text, str)}
    kind = _TITLES.get(invoice.type_code, "credit_note" if invoice.is_credit_note else "invoice")
    return {
        "language": words.language,
        "texts": texts,
        "title": texts[kind],
        "number": invoice.number,
        "issued": invoice.issue_date.isoformat(),
        "facts": _facts(invoice, words),
        "seller": _party(invoice.seller, words),
        "buyer": _party(invoice.buyer, words),
        "delivery": _delivery(invoice, words),
        "contact": _contact(invoice),
        "lines": [_line(line, words) for line in invoice.lines],
        "entries": _entries(invoice, words),
        "vat": [_vat(part, words) for part in invoice.vat_breakdown],
        "totals": _totals(invoice, words),
        "due": {
            "label": texts["amount_credited" if invoice.is_credit_note else "amount_due"],
            "amount": words.money(invoice.totals.amount_due),
        },
        "payment": _payment(invoice, words),
        "notes": [note.text for note in invoice.notes],
        "legal": invoice.seller.legal_information or "",
    }


def _facts(invoice: Invoice, words: Words) -> list[Row]:
    texts, delivery = words.texts, invoice.delivery
    preceding = ", ".join(one.number for one in invoice.preceding_invoices)
    facts = [
        (texts["issue_date"], words.day(invoice.issue_date)),
        (texts["due_date"], words.day(invoice.due_date) if invoice.due_date else ""),
        (
            texts["delivered"],
            words.day(delivery.actual_date) if delivery and delivery.actual_date else "",
        ),
        (texts["period"], _period(invoice.period, words)),
        (texts["preceding"], preceding),
        (texts["order"], invoice.purchase_order_reference or ""),
        (
            texts["buyer_reference"],
            ""
            if invoice.buyer_reference == invoice.purchase_order_reference
            else invoice.buyer_reference or "",
        ),
        (texts["contract"], invoice.contract_reference or ""),
        (texts["project"], invoice.project_reference or ""),
    ]
    return [(label, value) for label, value in facts if value]


def _period(period: Period | None, words: Words) -> str:
    if period is None:
        return ""
    return " – ".join(words.day(day) for day in (period.start, period.end) if day)


def _address(address: Address, words: Words) -> list[str]:
    town = " ".join(part for part in (address.postcode, address.city) if part)
    lines = (
        address.line1,
        address.line2,
        address.line3,
        town,
        address.subdivision,
        words.country(address.country),
    )
    return [line for line in lines if line]


def _party(party: Party, words: Words) -> dict[str, Any]:
    registration = party.legal_registration
    label = words.texts[
        "siren" if registration and registration.scheme == "0002" else "registration"
    ]
    facts = [
        (label, registration.value if registration else ""),
        (words.texts["vat_number"], party.vat_identifier or ""),
    ]
    return {
        "name": party.name,
        "trading": party.trading_name if party.trading_name not in (None, party.name) else "",
        "address": _address(party.address, words),
        "facts": [(name, value) for name, value in facts if value],
    }


def _delivery(invoice: Invoice, words: Words) -> list[str]:
    delivery = invoice.delivery
    if delivery is None or (
        delivery.address in (None, invoice.buyer.address) and not delivery.party_name
    ):
        return []
    lines = [delivery.party_name] if delivery.party_name else []
    return lines + (_address(delivery.address, words) if delivery.address else [])


def _contact(invoice: Invoice) -> list[str]:
    contact = invoice.seller.contact
    return (
        [part for part in (contact.name, contact.telephone, contact.email) if part]
        if contact
        else []
    )


def _other(name: str | None, known: str) -> str:
    return name if name and name != known else ""


def _line(line: Line, words: Words) -> dict[str, Any]:
    texts, price = words.texts, line.price
    unit = words.code("unit_codes", line.unit)
    details = [line.item.description, line.note, _period(line.period, words)]
    details += [f"{attribute.name} : {attribute.value}" for attribute in line.item.attributes]
    details += [_entry(texts["discount"], entry, words, sign="−") for entry in line.allowances]
    details += [_entry(texts["charge"], entry, words, sign="+") for entry in line.charges]
    base = price.base_quantity
    return {
        "name": line.item.name,
        "reference": line.item.seller_identifier or "",
        "details": [detail for detail in details if detail],
        "quantity": f"{words.number(line.quantity)}\u00a0{unit}".strip(NO_BREAK),
        "price": words.money(price.net),
        "per": f"{texts['per']} {words.number(base)}" if base not in (None, Decimal(1)) else "",
        "vat": words.percent(line.vat.rate or Decimal(0))
        if line.vat.category in _TAXED
        else line.vat.category,
        "amount": words.money(line.net_amount),
    }


def _entry(label: str, entry: AllowanceCharge, words: Words, sign: str) -> str:
    reason = f" ({entry.reason})" if entry.reason else ""
    rate = f" {words.percent(entry.percentage)}" if entry.percentage is not None else ""
    return f"{label}{rate}{reason} : {sign}{words.money(entry.amount)}"


def _entries(invoice: Invoice, words: Words) -> list[Row]:
    texts = words.texts
    rows = [(texts["discount"], entry, "−") for entry in invoice.allowances]
    rows += [(texts["charge"], entry, "+") for entry in invoice.charges]
    return [
        (entry.reason or label, f"{sign}{words.money(entry.amount)}") for label, entry, sign in rows
    ]


def _vat(part: VatBreakdown, words: Words) -> dict[str, str]:
    exempt = part.category not in _TAXED
    return {
        "label": words.code("category_codes", part.category)
        if exempt
        else words.percent(part.rate or Decimal(0)),
        "reason": part.exemption_reason or "",
        "base": words.money(part.taxable_amount),
        "tax": words.money(part.tax_amount),
    }


def _totals(invoice: Invoice, words: Words) -> list[Row]:
    totals, texts = invoice.totals, words.texts
    changed = totals.allowance_total is not None or totals.charge_total is not None
    rows = [(texts["line_total"], words.money(totals.line_total))] if changed else []
    rows += _entries(invoice, words)
    rows.append((texts["without_vat"], words.money(totals.without_vat)))
    rows.append((texts["vat"], words.money(totals.vat or Decimal(0))))
    rows.append((texts["with_vat"], words.money(totals.with_vat)))
    if totals.paid:
        rows.append((texts["paid"], f"−{words.money(totals.paid)}"))
    if totals.rounding:
        rows.append((texts["rounding"], words.money(totals.rounding)))
    return rows


def _payment(invoice: Invoice, words: Words) -> list[Row]:
    texts, payment = words.texts, invoice.payment
    rows: list[Row] = []
    if payment and not invoice.is_credit_note:
        rows.append(
            (texts["means"], payment.means_text or words.code("means_codes", payment.means_code))
        )
        for account in payment.accounts:
            iban = account.account[:2].isalpha()
            written = " ".join(
                account.account[i : i + 4] for i in range(0, len(account.account), 4)
            )
            rows.append(
                (texts["iban" if iban else "account"], written if iban else account.account)
            )
            rows.append((texts["bic"], account.bic or ""))
            rows.append((texts["beneficiary"], _other(account.name, invoice.seller.name)))
        rows.append((texts["communication"], payment.remittance_information or ""))
        rows.append(
            (texts["mandate"], payment.direct_debit.mandate or "" if payment.direct_debit else "")
        )
    rows.append((texts["terms"], invoice.payment_terms or ""))
    return [(label, value) for label, value in rows if value]
