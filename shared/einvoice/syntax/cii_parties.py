"""Parties and addresses in CII."""

from shared.einvoice.model import Invoice
from shared.einvoice.parties import Address, Party, Payee, Seller, TaxRepresentative
from shared.einvoice.syntax.cii_elements import node, put, put_date
from shared.einvoice.syntax.writing import Element
from shared.einvoice.terms import Identifier


def add_party(parent: Element, name: str, who: Party) -> None:
    """BG-4 or BG-7."""
    party = node(parent, name)
    _identifiers(party, who.identifiers)
    put(party, "Name", who.name)
    put(party, "Description", who.legal_information if isinstance(who, Seller) else None)
    if who.legal_registration or who.trading_name:
        organization = node(party, "SpecifiedLegalOrganization")
        if who.legal_registration:
            put(
                organization,
                "ID",
                who.legal_registration.value,
                schemeID=who.legal_registration.scheme,
            )
        put(organization, "TradingBusinessName", who.trading_name)
    if who.contact:
        contact = node(party, "DefinedTradeContact")
        put(contact, "PersonName", who.contact.name)
        put(contact, "TelephoneUniversalCommunication/CompleteNumber", who.contact.telephone)
        put(contact, "EmailURIUniversalCommunication/URIID", who.contact.email)
    _address(party, who.address)
    if who.electronic_address:
        address = who.electronic_address
        put(party, "URIUniversalCommunication/URIID", address.value, schemeID=address.scheme)
    put(party, "SpecifiedTaxRegistration/ID", who.vat_identifier, schemeID="VA")
    if isinstance(who, Seller):
        put(party, "SpecifiedTaxRegistration/ID", who.tax_registration, schemeID="FC")


def add_payee(settlement: Element, payee: Payee | None) -> None:
    """BG-10."""
    if payee is None:
        return
    party = node(settlement, "PayeeTradeParty")
    _identifiers(party, (payee.identifier,) if payee.identifier else ())
    put(party, "Name", payee.name)
    if payee.legal_registration:
        registration = payee.legal_registration
        put(
            party, "SpecifiedLegalOrganization/ID", registration.value, schemeID=registration.scheme
        )


def add_tax_representative(agreement: Element, representative: TaxRepresentative | None) -> None:
    """BG-11."""
    if representative is None:
        return
    party = node(agreement, "SellerTaxRepresentativeTradeParty")
    put(party, "Name", representative.name)
    _address(party, representative.address)
    put(party, "SpecifiedTaxRegistration/ID", representative.vat_identifier, schemeID="VA")


def add_delivery(transaction: Element, invoice: Invoice) -> None:
    """BG-13, BT-15 and BT-16; the element is mandatory even when empty."""
    element, delivery = node(transaction, "ApplicableHeaderTradeDelivery"), invoice.delivery
    if delivery and (delivery.address or delivery.location or delivery.party_name):
        party = node(element, "ShipToTradeParty")
        _identifiers(party, (delivery.location,) if delivery.location else ())
        put(party, "Name", delivery.party_name)
        if delivery.address:
            _address(party, delivery.address)
    if delivery and delivery.actual_date:
        event = node(element, "ActualDeliverySupplyChainEvent")
        put_date(event, "OccurrenceDateTime", delivery.actual_date)
    put(
        element,
        "DespatchAdviceReferencedDocument/IssuerAssignedID",
        invoice.despatch_advice_reference,
    )
    put(
        element,
        "ReceivingAdviceReferencedDocument/IssuerAssignedID",
        invoice.receiving_advice_reference,
    )


def _identifiers(party: Element, identifiers: tuple[Identifier, ...]) -> None:
    for identifier in sorted(identifiers, key=lambda one: one.scheme is not None):
        if identifier.scheme:
            put(party, "GlobalID", identifier.value, schemeID=identifier.scheme)
        else:
            put(party, "ID", identifier.value)


def _address(party: Element, address: Address) -> None:
    element = node(party, "PostalTradeAddress")
    put(element, "PostcodeCode", address.postcode)
    put(element, "LineOne", address.line1)
    put(element, "LineTwo", address.line2)
    put(element, "LineThree", address.line3)
    put(element, "CityName", address.city)
    put(element, "CountryID", address.country)
    put(element, "CountrySubDivisionName", address.subdivision)
