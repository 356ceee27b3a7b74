"""UBL: what is written can be read again; a number is set without touching anything else."""

from datetime import date

import pytest
from lxml import etree

from shared.einvoice import xml
from shared.einvoice.model import InvoiceContent
from shared.einvoice.syntax import ubl
from tests.unit.einvoice.samples import belgian, credit_note, french, issued

SHAPES = {"belgian": belgian(), "french": french(), "credit note": credit_note()}
INVOICE = "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
SIGNATURES = "urn:oasis:names:specification:ubl:schema:xsd:CommonSignatureComponents-2"
CBC = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"


@pytest.mark.parametrize("content", SHAPES.values(), ids=SHAPES.keys())
def test_what_is_written_is_read_again(content: InvoiceContent) -> None:
    invoice = issued(content)
    assert ubl.read(ubl.write(invoice)) == invoice


def test_the_same_invoice_gives_the_same_bytes() -> None:
    assert ubl.write(issued(belgian())) == ubl.write(issued(belgian()))


def test_a_credit_note_is_a_credit_note() -> None:
    root = etree.fromstring(ubl.write(issued(credit_note())))
    assert etree.QName(root).localname == "CreditNote"
    assert root.find("{*}CreditNoteLine/{*}CreditedQuantity") is not None


def test_peppol_gets_one_note_that_keeps_the_subjects() -> None:
    written = ubl.write(issued(french()))
    assert len(etree.fromstring(written).findall("{*}Note")) == 1
    assert [note.subject for note in ubl.read(written).notes] == ["PMT", "PMD", "AAB"]


def test_a_document_shows_its_face() -> None:
    face = ubl.inspect(ubl.write(issued(french(), "F-7")))
    assert (face.number, face.is_credit_note, face.is_french, face.is_signed) == (
        "F-7",
        False,
        True,
        False,
    )
    assert face.seller.legal_registration is not None
    assert face.seller.legal_registration.value == "732829320"
    assert str(face.amount_due) == "578.70"


FACE = ubl.write(issued(french(), "F-7"))


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        (b">578.70</cbc:PayableAmount", b">NaN</cbc:PayableAmount", "amount_due"),
        (b">578.70</cbc:PayableAmount", b">-Infinity</cbc:PayableAmount", "amount_due"),
        (b">578.70</cbc:PayableAmount", b">sNaN1</cbc:PayableAmount", "amount_due"),
        (b">578.70</cbc:PayableAmount", b">" + b"9" * 30 + b"</cbc:PayableAmount", "amount_due"),
        (b">578.70</cbc:PayableAmount", b">1E+999999</cbc:PayableAmount", "amount_due"),
        (b">578.70</cbc:PayableAmount", b">many</cbc:PayableAmount", "PayableAmount"),
        (b">732829320<", b">" + b"7" * 101 + b"<", r"seller\.(electronic_address|legal_reg)"),
        (
            b'schemeID="0225"',
            b'schemeID="' + b"0" * 101 + b'"',
            r"seller\.electronic_address\.scheme",
        ),
    ],
)
def test_a_face_that_is_none_is_refused_by_name(old: bytes, new: bytes, named: str) -> None:
    assert old in FACE
    with pytest.raises(ubl.UblError, match=named):
        ubl.inspect(FACE.replace(old, new))


ODD = (
    '<?xml version="1.0" encoding="{encoding}"?>\r\n<!-- avant : é -->\r\n'
    '<u:Invoice xmlns:u="' + INVOICE + '"\r\n  xmlns:b="' + CBC + '" xmlns:x="urn:x">'
    "<x:Extra><b:ID>not this é</b:ID></x:Extra>\t{number}<b:IssueDate >2020-01-01</b:IssueDate>"
    "<b:Note><![CDATA[<b:ID>nor this</b:ID>]]></b:Note></u:Invoice><!-- après -->\n"
)  # fmt: skip


@pytest.mark.parametrize("encoding", ["UTF-8", "ISO-8859-1", "UTF-16"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<b:ID schemeID='x'>TEMP</b:ID>", "<b:ID schemeID='x'>F-2026/1</b:ID>"),
        ("<b:ID></b:ID>", "<b:ID>F-2026/1</b:ID>"),
        ("<b:ID  />", "<b:ID>F-2026/1</b:ID>"),
        ("<b:ID><!-- c -->A&#66;<![CDATA[C]]></b:ID>", "<b:ID>F-2026/1</b:ID>"),
    ],
)
def test_only_the_number_changes(encoding: str, before: str, after: str) -> None:
    document = ODD.format(encoding=encoding, number=before).encode(encoding)
    expected = ODD.format(encoding=encoding, number=after).encode(encoding)
    assert ubl.set_number(document, "F-2026/1") == expected


def test_the_date_changes_on_request() -> None:
    document = ODD.format(encoding="UTF-8", number="<b:ID>1</b:ID>").encode()
    expected = document.replace(b">2020-01-01<", b">2026-11-22<").replace(b"<b:ID>1<", b"<b:ID>2<")
    assert ubl.set_number(document, "2", date(2026, 11, 22)) == expected


def test_a_number_is_escaped() -> None:
    numbered = ubl.set_number(ubl.write(issued(belgian())), "A&B<C")
    assert ubl.inspect(numbered).number == "A&B<C"


@pytest.mark.parametrize(
    "signature",
    [
        '<s:Signature xmlns:s="http://www.w3.org/2000/09/xmldsig#"/>',
        f'<s:UBLDocumentSignatures xmlns:s="{SIGNATURES}"/>',
    ],
)
def test_a_signed_document_gets_no_number(signature: str) -> None:
    document = ODD.format(encoding="UTF-8", number="<b:ID>1</b:ID>" + signature).encode()
    with pytest.raises(ubl.SignedDocument, match="send it unsigned"):
        ubl.set_number(document, "2")
    assert ubl.inspect(document).is_signed


def test_a_document_without_a_place_for_the_number_is_refused() -> None:
    with pytest.raises(ubl.UblError, match="BT-1"):
        ubl.set_number(ODD.format(encoding="UTF-8", number="").encode(), "2")


def test_something_else_than_an_invoice_is_refused_by_name() -> None:
    with pytest.raises(ubl.UblError, match="Order"):
        ubl.read(b'<Order xmlns="urn:oasis:names:specification:ubl:schema:xsd:Order-2"/>')


def test_what_is_missing_is_named() -> None:
    with pytest.raises(ubl.UblError, match=r"seller\.name"):
        ubl.read(f'<Invoice xmlns="{INVOICE}"/>'.encode())


@pytest.mark.parametrize(
    ("document", "refusal"),
    [
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', xml.DoctypeForbidden),
        (b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', xml.DoctypeForbidden),
        (b'<!DOCTYPE a SYSTEM "http://localhost/x.dtd"><a/>', xml.DoctypeForbidden),
        (
            '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a><a/>'.encode("utf-16"),
            xml.DoctypeForbidden,
        ),
        (b"<a>&undefined;</a>", xml.NotWellFormed),
        (b"<a", xml.NotWellFormed),
        (b"", xml.NotWellFormed),
        (b"\xff\xfe\x00", xml.NotWellFormed),
        (b"<a>" + b" " * xml.MAX_BYTES + b"</a>", xml.TooLarge),
    ],
)
def test_dangerous_xml_is_refused_before_it_is_read(
    document: bytes, refusal: type[xml.XmlRefused]
) -> None:
    with pytest.raises(refusal):
        xml.parse(document)


def test_a_billion_laughs_are_not_laughed() -> None:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE a [<!ENTITY l0 "ha">{entities}]><a b="&l9;">&l9;</a>'.encode()
    with pytest.raises(xml.DoctypeForbidden):
        xml.parse(bomb)


def test_other_encodings_of_eight_bits_are_kept() -> None:
    document = ODD.format(encoding="windows-1252", number="<b:ID>€1</b:ID>").encode("windows-1252")
    expected = document.replace(b">\x801<", b">F-9<")
    assert ubl.set_number(document, "F-9") == expected


def test_an_encoding_that_is_not_understood_is_refused() -> None:
    document = ODD.format(encoding="UTF-32", number="<b:ID>1</b:ID>").encode("utf-32")
    with pytest.raises((ubl.UblError, xml.XmlRefused)):
        ubl.set_number(document, "F-9")


def test_a_number_that_the_encoding_lacks_is_written_as_a_reference() -> None:
    document = ODD.format(encoding="ISO-8859-1", number="<b:ID>1</b:ID>").encode("iso-8859-1")
    numbered = ubl.set_number(document, "F-€")
    assert b"<b:ID>F-&#8364;</b:ID>" in numbered
    assert ubl.inspect(numbered).number == "F-€"
