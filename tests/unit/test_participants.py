"""A company's Peppol address is made of its own number, in a scheme of its country."""

from collections.abc import Mapping

import pytest

from services.identity.domain.legal import wrong_fields
from shared.contracts.identity import Company
from tests.platform import FRENCH_SELLER, SELLER

SIRET = str(FRENCH_SELLER["registration_number"])
SIREN = SIRET[:9]


def wrong(legal: Mapping[str, object], peppol_id: str, **changes: object) -> str:
    return wrong_fields(Company.model_validate({**legal, "peppol_id": peppol_id, **changes})).get(
        "peppol_id", ""
    )


@pytest.mark.parametrize("own", ["0208:0403170701", "9925:BE0403170701", "9925:be0403170701"])
def test_a_belgian_company_receives_at_its_own_number(own: str) -> None:
    assert wrong(SELLER, own) == ""
    assert (
        wrong(SELLER, own, registration_number="0403.170.701", vat_number="BE 0403.170.701") == ""
    )


@pytest.mark.parametrize("own", [
    f"0002:{SIREN}", f"0009:{SIRET}", f"0225:{SIREN}", f"0225:{SIREN}_{SIRET}", f"0225:{SIREN}_042",
    "9957:FR44732829320",
])  # fmt: skip
def test_a_french_company_receives_at_its_own_number(own: str) -> None:
    assert wrong(FRENCH_SELLER, own) == ""


def test_of_a_siren_every_siret_is_its_own() -> None:
    assert wrong(FRENCH_SELLER, f"0009:{SIRET}", registration_number=SIREN) == ""
    assert wrong(FRENCH_SELLER, f"0009:{SIREN}00001", registration_number=SIREN) != ""


@pytest.mark.parametrize("other", [
    "0208:0123456749", "0208:403170701", "0208:", "0208", "0208:0403170701x", ":0403170701",
    "9925:BE0123456749", "0225:732829320", "0088:0403170701", "9915:test", " 0208:0403170701",
])  # fmt: skip
def test_anything_else_is_refused(other: str) -> None:
    assert wrong(SELLER, other) != ""


@pytest.mark.parametrize(
    "other", ["0225:552081317", f"0225:{SIREN}_", f"0002:{SIRET}", "0208:0403170701", "9957:FR1"]
)
def test_anything_else_is_refused_in_france(other: str) -> None:
    assert wrong(FRENCH_SELLER, other) != ""


def test_the_number_comes_first() -> None:
    assert "registration number" in wrong(SELLER, "0208:0403170701", registration_number="")
    address = {"country": ""}
    assert "country" in wrong(SELLER, "0208:0403170701", address=address)
