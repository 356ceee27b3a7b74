"""Identifiers: what is taken, what is refused, and with which words."""

import pytest

from services.delivery.peppol.participant import (
    BIS_INVOICE,
    DocumentTypeIdentifier,
    IdentifierError,
    ParticipantIdentifier,
    require_ap_id,
)


@pytest.mark.parametrize(
    "text",
    [
        "0208:0123456749",
        "9925:BE0123456749",
        "0002:552100554",
        "0009:55210055400013",
        "0225:552100554",
        "0225:552100554_55210055400013",
        "0225:552100554_FACTURES",
        "0088:5410000000002",
        "0106:12345678",
        " 0208:0123456749 ",
    ],
)
def test_good_participants(text: str) -> None:
    assert str(ParticipantIdentifier.parse(text)) == text.strip()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0208:0123456748", "Belgian enterprise number"),
        ("0208:BE0123456749", "ten digits"),
        ("9925:0123456749", "Belgian VAT"),
        ("0002:552100555", "SIREN"),
        ("0009:55210055400014", "SIRET"),
        ("0225:552100555_X", "French electronic address"),
        ("0088:5410000000003", "GLN"),
        ("0106:a b", "doesn't allow"),
        ("0208", "code:value"),
        ("208:0123456749", "code:value"),
        ("", "code:value"),
    ],
)
def test_bad_participants_are_told_why(text: str, said: str) -> None:
    with pytest.raises(IdentifierError, match=said):
        ParticipantIdentifier.parse(text)


def test_values_compare_without_case() -> None:
    assert ParticipantIdentifier.read("9925:BE0123456749").same_as(
        ParticipantIdentifier.read("9925:be0123456749")
    )


def test_document_types_take_apart() -> None:
    read = DocumentTypeIdentifier.parse(str(BIS_INVOICE))
    assert read == BIS_INVOICE
    assert (read.root, read.version) == ("Invoice", "2.1")
    assert read.customization.endswith("billing:3.0")
    with pytest.raises(IdentifierError):
        DocumentTypeIdentifier.parse("other::x")


@pytest.mark.parametrize("text", ["PBE12345", "BE123456", "pbe123456", "PBE1234567", ""])
def test_access_point_ids(text: str) -> None:
    assert require_ap_id("PBE123456") == "PBE123456"
    with pytest.raises(IdentifierError):
        require_ap_id(text)
