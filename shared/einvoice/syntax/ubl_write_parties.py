"""Parties and addresses in UBL."""

from shared.einvoice.parties import Address, Buyer, Party, Payee, Seller, TaxRepresentative
from shared.einvoice.syntax.writing import Element, add, group


def add_seller(root: Element, seller: Seller, creditor: str | None) -> None:
    """BG-4, and BT-90, which UBL keeps among the seller's identifiers."""
    party = group(group(root, "AccountingSupplierParty"), "Party")
    _identity(party, seller)
    if creditor:
        add(group(party, "PartyIdentification"), "ID", creditor, schemeID="SEPA")
    _name_and_address(party, seller)
    _tax_scheme(party, seller.vat_identifier, "VAT")
    _tax_scheme(party, seller.tax_registration, "LOC")
    _legal_entity(party, seller, seller.legal_information)
    _contact(party, seller)


def add_buyer(root: Element, buyer: Buyer) -> None:
    """BG-7."""
    party = group(group(root, "AccountingCustomerParty"), "Party")
    _identity(party, buyer)
    _name_and_address(party, buyer)
    _tax_scheme(party, buyer.vat_identifier, "VAT")
    _legal_entity(party, buyer, None)
    _contact(party, buyer)


def add_payee(root: Element, payee: Payee | None) -> None:
    """BG-10."""
    if payee is None:
        return
    element = group(root, "PayeeParty")
    if payee.identifier:
        identification = group(element, "PartyIdentification")
        add(identification, "ID", payee.identifier.value, schemeID=payee.identifier.scheme)
    add(group(element, "PartyName"), "Name", payee.name)
    if payee.legal_registration:
        entity = group(element, "PartyLegalEntity")
        add(
            entity,
            "CompanyID",
            payee.legal_registration.value,
            schemeID=payee.legal_registration.scheme,
        )


def add_tax_representative(root: Element, representative: TaxRepresentative | None) -> None:
    """BG-11."""
    if representative is None:
        return
    element = group(root, "TaxRepresentativeParty")
    add(group(element, "PartyName"), "Name", representative.name)
    add_address(element, "PostalAddress", representative.address)
    _tax_scheme(element, representative.vat_identifier, "VAT")


def add_address(parent: Element, name: str, address: Address) -> None:
    """BG-5, BG-8, BG-12 or BG-15."""
    element = group(parent, name)
    add(element, "StreetName", address.line1)
    add(element, "AdditionalStreetName", address.line2)
    add(element, "CityName", address.city)
    add(element, "PostalZone", address.postcode)
    add(element, "CountrySubentity", address.subdivision)
    if address.line3:
        add(group(element, "AddressLine"), "Line", address.line3)
    add(group(element, "Country"), "IdentificationCode", address.country)


def _identity(party: Element, who: Party) -> None:
    if who.electronic_address:
        add(
            party,
            "EndpointID",
            who.electronic_address.value,
            schemeID=who.electronic_address.scheme,
        )
    for identifier in who.identifiers:
        add(group(party, "PartyIdentification"), "ID", identifier.value, schemeID=identifier.scheme)


def _name_and_address(party: Element, who: Party) -> None:
    if who.trading_name:
        add(group(party, "PartyName"), "Name", who.trading_name)
    add_address(party, "PostalAddress", who.address)


def _tax_scheme(party: Element, identifier: str | None, scheme: str) -> None:
    if identifier:
        element = group(party, "PartyTaxScheme")
        add(element, "CompanyID", identifier)
        add(group(element, "TaxScheme"), "ID", scheme)


def _legal_entity(party: Element, who: Party, legal_information: str | None) -> None:
    element = group(party, "PartyLegalEntity")
    add(element, "RegistrationName", who.name)
    if who.legal_registration:
        add(
            element,
            "CompanyID",
            who.legal_registration.value,
            schemeID=who.legal_registration.scheme,
        )
    add(element, "CompanyLegalForm", legal_information)


def _contact(party: Element, who: Party) -> None:
    if who.contact:
        element = group(party, "Contact")
        add(element, "Name", who.contact.name)
        add(element, "Telephone", who.contact.telephone)
        add(element, "ElectronicMail", who.contact.email)
