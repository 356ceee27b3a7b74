"""Legal information: check digits of both countries, and the name of each field that is wrong or missing."""

from typing import Any

import pytest

from services.identity.domain.legal import missing_fields, wrong_fields
from shared.contracts.identity import Company

FRENCH = {
    "name": "Atelier Lumière",
    "legal_form": "SARL",
    "registration_number": "732829320",
    "vat_number": "FR44732829320",
    "address": {"line1": "1 rue de la Paix", "postcode": "75002", "city": "Paris", "country": "FR"},
}
BELGIAN = {
    "name": "Brasserie du Parc",
    "legal_form": "SRL",
    "registration_number": "0403170701",
    "vat_number": "BE0403170701",
    "address": {"line1": "Rue de la Loi 1", "postcode": "1000", "city": "Bruxelles", "country": "BE"},
    "iban": "BE68539007547034",
}  # fmt: skip


def company(legal: dict[str, Any], **changes: Any) -> Company:
    return Company.model_validate({**legal, **changes})


@pytest.mark.parametrize(
    ("legal", "changes"),
    [
        (FRENCH, {}), (BELGIAN, {}), ({"name": "Nothing more yet"}, {}),
        (FRENCH, {"registration_number": "73282932000074"}),
        (FRENCH, {"registration_number": "732 829 320 00074"}),
        (BELGIAN, {"registration_number": "0403.170.701", "vat_number": "BE 0403.170.701"}),
        (FRENCH, {"iban": "FR14 2004 1010 0505 0001 3M02 606"}),
    ],
)  # fmt: skip
def test_what_is_right_is_taken(legal: dict[str, Any], changes: dict[str, Any]) -> None:
    assert wrong_fields(company(legal, **changes)) == {}


@pytest.mark.parametrize(
    ("legal", "changes"),
    [
        (FRENCH, {"registration_number": "732829321"}),
        (FRENCH, {"registration_number": "73282932000075"}),
        (BELGIAN, {"registration_number": "0403170702"}),
        (FRENCH, {"vat_number": "FR45732829320"}),
        (FRENCH, {"vat_number": "BE0403170701"}),
        (BELGIAN, {"vat_number": "BE0403170702"}),
        (BELGIAN, {"iban": "BE69539007547034"}),
    ],
    ids=lambda value: str(next(iter(value.items()))) if len(value) == 1 else "",
)
def test_a_wrong_check_digit_is_refused_by_the_name_of_its_field(
    legal: dict[str, Any], changes: dict[str, Any]
) -> None:
    assert list(wrong_fields(company(legal, **changes))) == list(changes)


def test_every_wrong_field_is_named() -> None:
    legal = company(
        BELGIAN,
        registration_number="0403170702",
        vat_number="BE0403170702",
        iban="BE69539007547034",
        peppol_id="0208:0123456749",
    )
    named = {"registration_number", "vat_number", "iban", "peppol_id"}
    assert set(wrong_fields(legal)) == named
    elsewhere = company(FRENCH, address={**FRENCH["address"], "country": "DE"})  # type: ignore[dict-item]
    assert "address.country" in wrong_fields(elsewhere)


def test_every_missing_field_is_named() -> None:
    """Each alone, spaces included: without it facturation isn't opened."""
    assert missing_fields(company(FRENCH)) == []
    for name in ("name", "legal_form", "registration_number", "vat_number"):
        assert missing_fields(company(FRENCH, **{name: " "})) == [name]
    for name in ("line1", "postcode", "city", "country"):
        address = {**FRENCH["address"], name: ""}  # type: ignore[dict-item]
        assert missing_fields(company(FRENCH, address=address)) == [f"address.{name}"]
