"""The EPC QR code (EPC069-12): scan it, and the bank's app has the transfer ready."""

from decimal import Decimal
from io import BytesIO

from stdnum import iban as ibans
from stdnum import iso11649

from shared.einvoice.model import Invoice

CREDIT_TRANSFERS = frozenset(("30", "58"))
LARGEST = Decimal("999999999.99")


def epc_matrix(invoice: Invoice) -> tuple[tuple[int, ...], ...] | None:
    """The modules of the code, row by row, 1 for dark; None where no transfer can be asked for."""
    code = _code(invoice)
    return None if code is None else tuple(tuple(row) for row in code.matrix)


def epc_svg(invoice: Invoice) -> bytes | None:
    """The code as SVG with its quiet zone.

    None for a credit note, for another currency than the euro, without an IBAN to pay to or an
    amount due from 0.01 to 999 999 999.99, and for texts longer than the standard allows.
    """
    code = _code(invoice)
    if code is None:
        return None
    out = BytesIO()
    code.save(out, kind="svg", border=2, xmldecl=False, svgns=True, dark="#14233a")
    return out.getvalue()


def _code(invoice: Invoice):  # type: ignore[no-untyped-def]  # segno has no types
    payment, due = invoice.payment, invoice.totals.amount_due
    if invoice.is_credit_note or invoice.currency != "EUR" or not Decimal("0.01") <= due <= LARGEST:
        return None
    if payment is None or payment.means_code not in CREDIT_TRANSFERS or not payment.accounts:
        return None
    account = payment.accounts[0]
    if not ibans.is_valid(account.account, check_country=False):
        return None
    from segno.helpers import make_epc_qr

    remittance = payment.remittance_information or invoice.number
    is_reference = iso11649.is_valid(remittance)
    name = account.name or (invoice.payee.name if invoice.payee else invoice.seller.name)
    try:
        return make_epc_qr(
            name=name[:70],
            iban=ibans.compact(account.account),
            amount=due,
            text=None if is_reference else remittance[:140],
            reference=iso11649.compact(remittance) if is_reference else None,
            encoding="utf-8",
        )
    except ValueError:  # more than the 331 bytes that EPC069-12 allows
        return None
