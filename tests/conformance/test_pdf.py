"""Our PDFs before independent judges: veraPDF, the factur-x library, a QR code reader, poppler."""

import shutil
import subprocess
from decimal import Decimal
from pathlib import Path

import pytest
import zxingcpp
from facturx import get_xml_from_pdf

from services.billing.documents.pdf import render
from shared.einvoice.model import Invoice
from shared.einvoice.syntax import cii, ubl
from tests.conformance.corpus import CORPUS, ubl_examples
from tests.conformance.verapdf.judge import verdicts
from tests.need import need
from tests.unit.einvoice.samples import BRASSERIE, belgian, credit_note, french, issued, line

LONG = belgian(
    lines=tuple(line(f"Article {n} — désignation", str(n), "12.345") for n in range(1, 41))
)
ODD_NAME = belgian(seller=BRASSERIE.model_copy(update={"name": "株式会社 🍺 Ελλάς"}))
DOCUMENTS: dict[str, tuple[Invoice, str]] = {
    "belgian-fr": (issued(belgian()), "fr"),
    "belgian-en": (issued(belgian()), "en"),
    "french-fr": (issued(french()), "fr"),
    "credit-note-nl": (issued(credit_note()), "nl"),
    "forty-lines-nl": (issued(LONG), "nl"),
    "odd-name-en": (issued(ODD_NAME), "en"),
}


@pytest.fixture(scope="module")
def pdfs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pdf")
    made = {}
    for name, (invoice, language) in DOCUMENTS.items():
        made[name] = folder / f"{name}.pdf"
        made[name].write_bytes(render(invoice, language))
    for position, example in enumerate(ubl_examples()):
        made[example.file] = folder / f"example-{position}.pdf"
        made[example.file].write_bytes(render(ubl.read(example.read()), "fr"))
    return made


def test_verapdf_finds_them_all_valid_and_tells_a_broken_one(
    pdfs: dict[str, Path], tmp_path: Path
) -> None:
    good = pdfs["belgian-fr"].read_bytes()
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(good.replace(b"<pdfaid:part>3", b"<pdfaid:part>1"))
    undeclared = tmp_path / "undeclared.pdf"
    undeclared.write_bytes(good.replace(b">urn:factur-x:", b">urn:facteur:"))
    found = verdicts([*pdfs.values(), broken, undeclared])
    assert {name: found[path] for name, path in pdfs.items()} == dict.fromkeys(pdfs, "valid")
    assert found[broken].startswith("invalid")
    assert found[undeclared].startswith("invalid")


def test_verapdf_tells_the_corrupt_sample_from_the_good_ones() -> None:
    samples = CORPUS / "factur-x" / "pdf"
    need(samples.exists(), f"no sample PDFs in {samples}")
    good = samples / "akretion-invoice_EN16931.pdf"
    bad = samples / "mustang-BAD-corruptedV2PDF.pdf"
    found = verdicts([good, bad])
    assert found[good] == "valid"
    assert found[bad].startswith("unreadable")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_factur_x_library_finds_the_embedded_xml(name: str, pdfs: dict[str, Path]) -> None:
    file_name, xml = get_xml_from_pdf(
        pdfs[name].read_bytes(), check_xsd=True, check_schematron=False
    )
    assert file_name == "factur-x.xml"
    assert xml == cii.write(DOCUMENTS[name][0])


def test_the_attachment_is_an_alternative_and_listed_once(pdfs: dict[str, Path]) -> None:
    data = pdfs["belgian-fr"].read_bytes()
    assert data.count(b"/AFRelationship/Alternative") == 1
    assert data.count(b"/Type/EmbeddedFile") == 1
    assert b"<fx:ConformanceLevel>EN 16931</fx:ConformanceLevel>" in data
    assert b"/MarkInfo<</Marked true" in data


def test_the_qr_code_on_the_page_decodes_to_the_transfer(pdfs: dict[str, Path]) -> None:
    (code,) = _codes(pdfs["belgian-fr"])
    assert code.split("\n") == [
        "BCD", "002", "1", "SCT", "", "Brasserie des Ardennes SRL", "BE68539007547034", "EUR664.42", "", "",
        "+++090/9337/55493+++",
    ]  # fmt: skip
    invoice = DOCUMENTS["french-fr"][0]
    (code,) = _codes(pdfs["french-fr"])
    assert Decimal(code.split("\n")[7].removeprefix("EUR")) == invoice.totals.amount_due


def test_a_credit_note_has_no_code(pdfs: dict[str, Path]) -> None:
    assert _codes(pdfs["credit-note-nl"]) == []


def test_forty_lines_take_two_pages_and_none_is_lost(pdfs: dict[str, Path]) -> None:
    tool = shutil.which("pdftotext")
    need(tool, "poppler's pdftotext reads the pages")
    ran = subprocess.run(
        [str(tool), "-layout", str(pdfs["forty-lines-nl"]), "-"], capture_output=True, check=True
    )
    pages = ran.stdout.decode().rstrip("\f").split("\f")
    assert len(pages) == 2
    assert all("Omschrijving" in page for page in pages)
    assert all(f"Article {n} " in "".join(pages) for n in range(1, 41))
    assert "Pagina 2 / 2" in pages[1]


def _codes(pdf: Path) -> list[str]:
    tool = shutil.which("pdftoppm")
    need(tool, "poppler's pdftoppm draws the page")
    drawn = subprocess.run(
        [str(tool), "-gray", "-r", "150", str(pdf)], capture_output=True, check=True
    ).stdout
    _, size, _, pixels = drawn.split(b"\n", 3)
    width, height = map(int, size.split())
    image = memoryview(pixels[: width * height]).cast("B", shape=(height, width))
    return [code.text for code in zxingcpp.read_barcodes(image)]
