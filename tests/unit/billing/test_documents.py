"""Documents for people: what stands on them, and that they are the same every time."""

import subprocess
import sys
from decimal import Decimal

import pytest

from services.billing.documents.factur_x import NotFacturX, declared
from services.billing.documents.page import content
from services.billing.documents.pdf import render
from services.billing.documents.qr import epc_matrix, epc_svg
from services.billing.documents.structured_communication import (
    format_communication,
    is_communication,
)
from services.billing.documents.words import Words
from shared.einvoice.lines import Vat
from shared.einvoice.model import CreditTransfer, InvoiceContent, PaymentInstructions
from tests.unit.einvoice.samples import BRASSERIE, belgian, credit_note, french, issued, line


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (0, "+++000/0000/00097+++"),
        (1, "+++000/0000/00101+++"),
        (97, "+++000/0000/09797+++"),
        (909337554, "+++090/9337/55493+++"),
        (9_999_999_999, "+++999/9999/99948+++"),
    ],
)
def test_structured_communications_end_in_the_remainder_of_97(number: int, written: str) -> None:
    assert format_communication(number) == written
    assert is_communication(written)


@pytest.mark.parametrize("number", [-1, 10**10])
def test_a_communication_has_ten_digits(number: int) -> None:
    with pytest.raises(ValueError, match="ten digits"):
        format_communication(number)


@pytest.mark.parametrize("text", ["+++090/9337/55494+++", "F-2026-1", "", "000000000000"])
def test_other_texts_are_no_communications(text: str) -> None:
    assert not is_communication(text)


TRANSFER = belgian().payment
NO_CODE = {
    "a credit note": credit_note(),
    "nothing due": belgian(paid=Decimal("664.42")),
    "another currency": belgian(currency="SEK"),
    "no payment": belgian(payment=None),
    "no account": belgian(payment=PaymentInstructions(means_code="30")),
    "a direct debit": belgian(
        payment=TRANSFER and TRANSFER.model_copy(update={"means_code": "59"})
    ),
    "a wrong IBAN": belgian(
        payment=PaymentInstructions(
            means_code="30", accounts=(CreditTransfer(account="BE68539007547035"),)
        )
    ),
}


@pytest.mark.parametrize("refused", NO_CODE.values(), ids=NO_CODE.keys())
def test_no_transfer_no_code(refused: InvoiceContent) -> None:
    assert epc_svg(issued(refused)) is None
    assert epc_matrix(issued(refused)) is None


@pytest.mark.parametrize("remittance", ["RF18539007547034", "RF99NOTVALID", "RF3A9F", "é" * 100])
def test_any_remittance_information_can_be_coded(remittance: str) -> None:
    payment = issued(belgian()).payment
    assert payment is not None
    content = belgian(payment=payment.model_copy(update={"remittance_information": remittance}))
    assert epc_matrix(issued(content)) is not None


def test_what_exceeds_the_standard_gives_no_code_and_no_error() -> None:
    payment = issued(belgian()).payment
    assert payment is not None
    (account,) = payment.accounts
    too_long = {
        "remittance_information": "株" * 140,
        "accounts": (account.model_copy(update={"name": "株" * 70}),),
    }
    assert epc_matrix(issued(belgian(payment=payment.model_copy(update=too_long)))) is None


def test_the_code_changes_with_the_amount() -> None:
    assert epc_matrix(issued(belgian())) != epc_matrix(issued(belgian(paid=Decimal(1))))


@pytest.mark.parametrize(
    ("language", "due", "unit_price", "rate", "day"),
    [
        ("fr", "664,42\u00a0€", "0,4725\u00a0€", "5,5\u00a0%", "20 novembre 2026"),
        ("nl", "€\u00a0664,42", "€\u00a00,4725", "5,5\u00a0%", "20 november 2026"),
        ("en", "€664.42", "€0.4725", "5.5%", "20 November 2026"),
    ],
)
def test_numbers_and_dates_are_written_as_the_reader_expects(
    language: str, due: str, unit_price: str, rate: str, day: str
) -> None:
    words = Words(language, "EUR")
    page = content(issued(belgian()), language)
    assert page["due"]["amount"] == due
    assert words.money(Decimal("0.4725")) == unit_price
    assert words.percent(Decimal("5.50")) == rate
    assert page["facts"][0][1] == day


def test_the_page_tells_everything_that_counts() -> None:
    page = content(issued(belgian()), "fr")
    assert page["title"] == "Facture"
    assert ("IBAN", "BE68 5390 0754 7034") in page["payment"]
    assert ("Communication", "+++090/9337/55493+++") in page["payment"]
    assert ("Fidélité", "−12,00\u00a0€") in page["totals"]
    assert ("Transport", "+25,00\u00a0€") in page["totals"]
    assert page["lines"][0]["details"] == ["Remise 10\u00a0% (Promotion) : −28,50\u00a0€"]
    assert [row["label"] for row in page["vat"]] == ["21\u00a0%", "6\u00a0%"]


def test_a_credit_note_asks_for_no_payment() -> None:
    page = content(issued(credit_note()), "nl")
    assert (page["title"], page["due"]["label"]) == ("Creditnota", "In uw voordeel")
    assert not any(label == "IBAN" for label, _ in page["payment"])
    assert ("Oorspronkelijke factuur", "2026-114") in page["facts"]


def test_why_no_vat_is_charged_is_told() -> None:
    lines = (line(vat=Vat(category="AE", rate=Decimal(0))),)
    (row,) = content(issued(belgian(lines=lines, allowances=(), charges=())), "fr")["vat"]
    assert (row["label"], row["reason"]) == ("Autoliquidation", "Reverse charge")


@pytest.mark.parametrize("language", ["fr", "nl", "en", "de"])
def test_the_same_invoice_gives_the_same_bytes(language: str) -> None:
    invoice = issued(french())
    assert render(invoice, language) == render(invoice, language)


def test_names_in_any_script_are_rendered() -> None:
    seller = BRASSERIE.model_copy(
        update={"name": "Ελληνική 株式会社 🍺 Żółć — مصنع", "trading_name": "x\u2028y"}
    )
    assert render(issued(belgian(seller=seller)), "fr").startswith(b"%PDF-1.7")


def test_typst_markup_in_texts_stays_text() -> None:
    lines = (line('#panic("x") *gras* $ \\ "guillemets" <a> @b', note='#import "/etc/passwd"'),)
    assert render(issued(belgian(lines=lines)), "fr")


def test_a_pdf_built_otherwise_is_refused() -> None:
    with pytest.raises(NotFacturX):
        declared(b"%PDF-1.7\n%%EOF")


def test_the_service_process_needs_no_typesetter() -> None:
    code = (
        "import sys, services.billing.documents.structured_communication, services.billing.documents.qr;"
        "sys.exit(any(m in sys.modules for m in ('typst', 'facturx', 'babel', 'saxonche', 'segno')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
