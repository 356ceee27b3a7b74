"""Legal information of a company: what must be there, and what must be right.

Check digits by python-stdnum: SIREN and SIRET (Luhn), French and Belgian VAT numbers, Belgian
enterprise numbers (mod 97).
"""

from collections.abc import Callable

from stdnum.be import vat as be_vat
from stdnum.exceptions import ValidationError
from stdnum.fr import siren, siret, tva

from shared.contracts.identity import Company

COUNTRIES = ("FR", "BE")

Check = Callable[[str], str]


def missing_fields(company: Company) -> list[str]:
    """Names of the legal fields that are still empty and that an invoice needs (BG-4, BG-5)."""
    values = {
        "name": company.name,
        "legal_form": company.legal_form,
        "registration_number": company.registration_number,
        "vat_number": company.vat_number,
        "address.line1": company.address.line1,
        "address.postcode": company.address.postcode,
        "address.city": company.address.city,
        "address.country": company.address.country,
    }
    return [name for name, value in values.items() if not value.strip()]


def wrong_fields(company: Company) -> dict[str, str]:
    """Field name → what is wrong with it, for fields that are filled in."""
    wrong = {}
    country = company.address.country
    if country and country not in COUNTRIES:
        wrong["address.country"] = "must be FR or BE"
    if company.registration_number and not _valid(
        _registration_check(country), company.registration_number
    ):
        wrong["registration_number"] = (
            "is not a SIREN or SIRET: check the digits"
            if country == "FR"
            else "is not a Belgian enterprise number: check the digits"
        )
    if company.vat_number and not _valid(_vat_check(country), company.vat_number):
        wrong["vat_number"] = "is not a VAT number of that country: check the digits"
    if company.iban and not _valid_iban(company.iban):
        wrong["iban"] = "is not an IBAN: check the digits"
    return wrong


def _registration(value: str) -> str:
    compact = value.replace(" ", "")
    checked: str = siret.validate(compact) if len(compact) == 14 else siren.validate(compact)
    return checked


def _registration_check(country: str) -> Check:
    return _registration if country == "FR" else be_vat.validate


def _vat_check(country: str) -> Check:
    return tva.validate if country == "FR" else be_vat.validate


def _valid(check: Check, value: str) -> bool:
    try:
        check(value)
    except ValidationError:
        return False
    return True


def _valid_iban(value: str) -> bool:
    from stdnum import iban

    return bool(iban.is_valid(value, check_country=False))
