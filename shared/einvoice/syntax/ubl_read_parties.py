"""Parties and addresses out of UBL."""

from typing import Any

from shared.einvoice.syntax.reading import (
    Element,
    basic,
    child,
    children,
    group_or_none,
    identifier,
    present,
    text,
)


def seller(party: Element | None) -> dict[str, Any]:
    """BG-4."""
    return _party(party) | present(
        tax_registration=_tax_identifier(party, vat=False),
        legal_information=text(party, "PartyLegalEntity", "CompanyLegalForm"),
    )


def buyer(party: Element | None) -> dict[str, Any]:
    """BG-7."""
    return _party(party)


def payee(party: Element | None) -> dict[str, Any] | None:
    """BG-10."""
    if party is None:
        return None
    identifiers = [i for i in _identifiers(party) if i["scheme"] != "SEPA"]
    return present(
        name=text(party, "PartyName", "Name"),
        identifier=identifiers[0] if identifiers else None,
        legal_registration=identifier(basic(child(party, "PartyLegalEntity"), "CompanyID")),
    )


def tax_representative(party: Element | None) -> dict[str, Any] | None:
    """BG-11."""
    if party is None:
        return None
    return present(
        name=text(party, "PartyName", "Name"),
        vat_identifier=_tax_identifier(party, vat=True),
        address=address(child(party, "PostalAddress")),
    )


def address(element: Element | None) -> dict[str, Any] | None:
    """BG-5, BG-8, BG-12 or BG-15."""
    if element is None:
        return None
    return group_or_none(
        line1=text(element, "StreetName"),
        line2=text(element, "AdditionalStreetName"),
        line3=text(element, "AddressLine", "Line"),
        city=text(element, "CityName"),
        postcode=text(element, "PostalZone"),
        subdivision=text(element, "CountrySubentity"),
        country=text(element, "Country", "IdentificationCode"),
    )


def _party(party: Element | None) -> dict[str, Any]:
    contact = child(party, "Contact")
    registered, trading = (
        text(party, "PartyLegalEntity", "RegistrationName"),
        text(party, "PartyName", "Name"),
    )
    return present(
        name=registered or trading,
        trading_name=trading if registered else None,
        identifiers=tuple(i for i in _identifiers(party) if i["scheme"] != "SEPA"),
        legal_registration=identifier(basic(child(party, "PartyLegalEntity"), "CompanyID")),
        vat_identifier=_tax_identifier(party, vat=True),
        electronic_address=identifier(basic(party, "EndpointID")),
        address=address(child(party, "PostalAddress")),
        contact=group_or_none(
            name=text(contact, "Name"),
            telephone=text(contact, "Telephone"),
            email=text(contact, "ElectronicMail"),
        ),
    )


def _identifiers(party: Element | None) -> list[dict[str, Any]]:
    found = (identifier(basic(entry, "ID")) for entry in children(party, "PartyIdentification"))
    return [entry for entry in found if entry]


def _tax_identifier(party: Element | None, *, vat: bool) -> str | None:
    for entry in children(party, "PartyTaxScheme"):
        if (text(entry, "TaxScheme", "ID") == "VAT") == vat:
            return text(entry, "CompanyID")
    return None
