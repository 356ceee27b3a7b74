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
LONGEST = 200
"""Characters of one field."""

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
    if wrong := _too_long(company):
        return wrong
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
    if company.peppol_id and (problem := wrong_participant(company)):
        wrong["peppol_id"] = problem
    if company.iban and not _valid_iban(company.iban):
        wrong["iban"] = "is not an IBAN: check the digits"
    return wrong


def _too_long(company: Company) -> dict[str, str]:
    """It is told to every service, and printed on every document."""
    texts = company.model_dump(exclude={"address"})
    texts |= {f"address.{name}": text for name, text in company.address.model_dump().items()}
    return {
        name: f"must have at most {LONGEST} characters"
        for name, text in texts.items()
        if len(text) > LONGEST
    }


OWN_NUMBERS = {"BE": ("0208", "9925"), "FR": ("0002", "0009", "0225", "9957")}
"""Schemes (EAS) whose values are made of a number that the country gave the company."""


def wrong_participant(company: Company) -> str:
    """What is wrong with a Peppol address (BT-34), or nothing: it is the company's own number in one of
    its country's schemes, so that nobody receives what is meant for another."""
    scheme, _, value = company.peppol_id.partition(":")
    country = company.address.country
    if country not in OWN_NUMBERS or not company.registration_number:
        return "needs the country and the registration number"
    if scheme not in OWN_NUMBERS[country]:
        return f"must be one of the schemes {', '.join(OWN_NUMBERS[country])}, as scheme:value"
    if not _own(scheme, value, company):
        return "must be the company's own registration number"
    return ""


def _own(scheme: str, value: str, company: Company) -> bool:
    number = _digits(company.registration_number)
    if scheme in ("9925", "9957"):
        return bool(company.vat_number) and value.upper() == _compact(company.vat_number).upper()
    if scheme == "0208":
        return value == number.zfill(10)
    siren_part, _, rest = value.partition("_")
    if scheme == "0225":  # the SIREN, which the company may divide further (XP Z12-014)
        return siren_part == number[:9] and ("_" not in value or bool(rest))
    if scheme == "0002":
        return value == number[:9]
    return value == number or (
        len(number) == 9 and value[:9] == number and _valid(siret.validate, value)
    )


def _compact(value: str) -> str:
    return "".join(value.replace(".", " ").split())


def _digits(value: str) -> str:
    return "".join(c for c in value if c.isdigit())


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
