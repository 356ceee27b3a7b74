"""Who takes part in an invoice: BG-4, BG-7, BG-10, BG-11, and how it is paid: BG-16."""

from datetime import date

from pydantic import Field

from shared.einvoice.terms import Code, Country, ElectronicAddress, Identifier, Term, Text


class Address(Term):
    """A postal address: BG-5, BG-8, BG-12, BG-15."""

    line1: Text | None = Field(None, description="BT-35, BT-50, BT-64, BT-75: street and number")
    line2: Text | None = Field(None, description="BT-36, BT-51, BT-65, BT-76")
    line3: Text | None = Field(None, description="BT-162, BT-163, BT-164, BT-165")
    city: Text | None = Field(None, description="BT-37, BT-52, BT-66, BT-77")
    postcode: Text | None = Field(None, description="BT-38, BT-53, BT-67, BT-78")
    subdivision: Text | None = Field(None, description="BT-39, BT-54, BT-68, BT-79")
    country: Country = Field(description="BT-40, BT-55, BT-69, BT-80")


class Contact(Term):
    """Whom to ask: BG-6, BG-9."""

    name: Text | None = Field(None, description="BT-41, BT-56")
    telephone: Text | None = Field(None, description="BT-42, BT-57")
    email: Text | None = Field(None, description="BT-43, BT-58")


class Party(Term):
    """What seller and buyer have in common."""

    name: Text = Field(description="BT-27, BT-44: registered name")
    trading_name: Text | None = Field(None, description="BT-28, BT-45")
    identifiers: tuple[Identifier, ...] = Field(
        (), description="BT-29, BT-46; a SIRET has scheme 0009"
    )
    legal_registration: Identifier | None = Field(
        None, description="BT-30, BT-47; a SIREN has scheme 0002, a Belgian enterprise number 0208"
    )
    vat_identifier: Code | None = Field(None, description="BT-31, BT-48, with its country prefix")
    electronic_address: ElectronicAddress | None = Field(None, description="BT-34, BT-49")
    address: Address = Field(description="BG-5, BG-8")
    contact: Contact | None = Field(None, description="BG-6, BG-9")


class Seller(Party):
    """Who sells, and owes the VAT: BG-4."""

    tax_registration: Code | None = Field(None, description="BT-32")
    legal_information: Text | None = Field(None, description="BT-33: legal form, capital, register")


class Buyer(Party):
    """Who buys: BG-7."""


class Payee(Term):
    """Who is paid, when it isn't the seller: BG-10."""

    name: Text = Field(description="BT-59")
    identifier: Identifier | None = Field(None, description="BT-60")
    legal_registration: Identifier | None = Field(None, description="BT-61")


class TaxRepresentative(Term):
    """Who answers for the seller's VAT: BG-11."""

    name: Text = Field(description="BT-62")
    vat_identifier: Code | None = Field(None, description="BT-63")
    address: Address = Field(description="BG-12")


class CreditTransfer(Term):
    """An account to pay to: BG-17."""

    account: Code = Field(description="BT-84: IBAN, or a national account number")
    name: Text | None = Field(None, description="BT-85")
    bic: Code | None = Field(None, description="BT-86")


class PaymentCard(Term):
    """The card that paid: BG-18."""

    number: Code = Field(description="BT-87: the last four to six digits")
    holder: Text | None = Field(None, description="BT-88")
    network: Code | None = Field(None, description="UBL alone asks for it; VISA, for instance")


class DirectDebit(Term):
    """The mandate by which the seller collects: BG-19."""

    mandate: Code | None = Field(None, description="BT-89")
    creditor: Code | None = Field(None, description="BT-90: SEPA creditor identifier")
    account: Code | None = Field(None, description="BT-91: account that is debited")


class PaymentInstructions(Term):
    """How to pay: BG-16."""

    means_code: Code = Field(
        description="BT-81: UNTDID 4461; 30 credit transfer, 58 SEPA, 59 SEPA debit"
    )
    means_text: Text | None = Field(None, description="BT-82")
    remittance_information: Text | None = Field(
        None, description="BT-83: what the payer repeats, such as +++123/4567/89012+++"
    )
    accounts: tuple[CreditTransfer, ...] = Field((), description="BG-17")
    card: PaymentCard | None = Field(None, description="BG-18")
    direct_debit: DirectDebit | None = Field(None, description="BG-19")


class Delivery(Term):
    """Where and when goods were handed over: BG-13."""

    party_name: Text | None = Field(None, description="BT-70")
    location: Identifier | None = Field(None, description="BT-71")
    actual_date: date | None = Field(None, description="BT-72")
    address: Address | None = Field(None, description="BG-15")
