"""Invoices of a Belgian and a French seller, valid by all rules."""

from datetime import date
from decimal import Decimal
from typing import Any

from shared.einvoice.france import MANDATORY_NOTES
from shared.einvoice.model import (
    Address,
    AllowanceCharge,
    Buyer,
    Contact,
    CreditTransfer,
    Delivery,
    DocumentAllowanceCharge,
    ElectronicAddress,
    Identifier,
    Invoice,
    InvoiceContent,
    Item,
    LineContent,
    Note,
    PaymentInstructions,
    Period,
    PrecedingInvoice,
    Price,
    Seller,
    Vat,
)
from shared.einvoice.totals import complete

ISSUED = date(2026, 11, 20)
STANDARD_BE = Vat(category="S", rate=Decimal(21))
STANDARD_FR = Vat(category="S", rate=Decimal(20))

BRASSERIE = Seller(
    name="Brasserie des Ardennes SRL",
    trading_name="Brasserie des Ardennes",
    legal_registration=Identifier(value="0848934496", scheme="0208"),
    vat_identifier="BE0848934496",
    electronic_address=ElectronicAddress(value="0848934496", scheme="0208"),
    address=Address(
        line1="Rue du Houblon 12", city="La Roche-en-Ardenne", postcode="6980", country="BE"
    ),
    contact=Contact(
        name="Élise Lambert", telephone="+32 84 41 00 00", email="compta@ardennes.example"
    ),
    legal_information="SRL au capital de 18 600 € — RPM Liège, division Marche-en-Famenne",
)
HORECA = Buyer(
    name="Horeca Vlaanderen BV",
    legal_registration=Identifier(value="0202239951", scheme="0208"),
    vat_identifier="BE0202239951",
    electronic_address=ElectronicAddress(value="0202239951", scheme="0208"),
    address=Address(line1="Korenmarkt 7", city="Gent", postcode="9000", country="BE"),
)
MOULIN = Seller(
    name="Au bon moulin SARL",
    identifiers=(Identifier(value="73282932000074", scheme="0009"),),
    legal_registration=Identifier(value="732829320", scheme="0002"),
    vat_identifier="FR44732829320",
    electronic_address=ElectronicAddress(value="732829320", scheme="0225"),
    address=Address(
        line1="1242 chemin de l’Olive", city="Malaucène", postcode="84340", country="FR"
    ),
    contact=Contact(name="Rémi Dupont", email="commercial@aubonmoulin.example"),
    legal_information="SARL au capital de 10 000 € — RCS Avignon 732 829 320",
)
BOUTIQUE = Buyer(
    name="Ma jolie boutique SAS",
    legal_registration=Identifier(value="552100554", scheme="0002"),
    vat_identifier="FR15552100554",
    electronic_address=ElectronicAddress(value="552100554", scheme="0225"),
    address=Address(line1="35 rue de la République", city="Lyon", postcode="69001", country="FR"),
)
TRANSFER_BE = PaymentInstructions(
    means_code="30",
    remittance_information="+++090/9337/55493+++",
    accounts=(
        CreditTransfer(
            account="BE68539007547034", name="Brasserie des Ardennes SRL", bic="BBRUBEBB"
        ),
    ),
)
TRANSFER_FR = PaymentInstructions(
    means_code="58",
    remittance_information="F202600115",
    accounts=(CreditTransfer(account="FR7630006000011234567890189", bic="AGRIFRPP"),),
)


def line(
    name: str = "Bière d’abbaye, caisse de 24",
    quantity: str = "10",
    price: str = "28.50",
    **more: Any,
) -> LineContent:
    """One line, at the Belgian standard rate unless said otherwise."""
    fields: dict[str, Any] = {"vat": STANDARD_BE} | more
    return LineContent(
        quantity=Decimal(quantity), price=Price(net=Decimal(price)), item=Item(name=name), **fields
    )


def belgian(**more: Any) -> InvoiceContent:
    """An invoice between two Belgian companies: two rates, a discount, a charge, a line discount."""
    reduced = Vat(category="S", rate=Decimal(6))
    fields: dict[str, Any] = {
        "due_date": date(2026, 12, 20),
        "buyer_reference": "PO-7781",
        "purchase_order_reference": "PO-7781",
        "payment_terms": "30 jours fin de mois",
        "seller": BRASSERIE,
        "buyer": HORECA,
        "payment": TRANSFER_BE,
        "delivery": Delivery(actual_date=date(2026, 11, 18), address=HORECA.address),
        "notes": (Note(text="Merci de votre confiance."),),
        "allowances": (
            DocumentAllowanceCharge(amount=Decimal("12.00"), reason="Fidélité", vat=STANDARD_BE),
        ),
        "charges": (
            DocumentAllowanceCharge(amount=Decimal("25.00"), reason="Transport", vat=STANDARD_BE),
        ),
        "lines": (
            line(
                allowances=(
                    AllowanceCharge(
                        amount=Decimal("28.50"),
                        base_amount=Decimal("285.00"),
                        percentage=Decimal(10),
                        reason="Promotion",
                    ),
                ),
            ),
            line("Eau de source, 1 l", "333", "0.47", vat=reduced),
            line(
                "Location de pompe",
                "1.5",
                "95.00",
                unit="DAY",
                period=Period(start=date(2026, 11, 1), end=date(2026, 11, 2)),
            ),
        ),
    }
    return InvoiceContent(**(fields | more))


def french(**more: Any) -> InvoiceContent:
    """An invoice between two French companies, with the notes that the law wants."""
    fields: dict[str, Any] = {
        "due_date": date(2026, 12, 20),
        "buyer_reference": "SERVICE-ACHATS",
        "business_process": "B1",
        "seller": MOULIN,
        "buyer": BOUTIQUE,
        "payment": TRANSFER_FR,
        "delivery": Delivery(actual_date=ISSUED),
        "notes": MANDATORY_NOTES,
        "lines": (
            line("Huile d’olive 50 cl", "24", "13.50", vat=Vat(category="S", rate=Decimal("5.5"))),
            line("Coffret cadeau", "6", "32.90", vat=STANDARD_FR),
        ),
    }
    return InvoiceContent(**(fields | more))


def credit_note(**more: Any) -> InvoiceContent:
    """A Belgian credit note for part of an invoice."""
    fields: dict[str, Any] = {
        "type_code": "381",
        "preceding_invoices": (PrecedingInvoice(number="2026-114", issue_date=date(2026, 10, 30)),),
        "allowances": (),
        "charges": (),
        "lines": (line(quantity="2"),),
    }
    return belgian(**(fields | more))


def issued(content: InvoiceContent, number: str = "2026-115") -> Invoice:
    """The content under a number, on 20 November 2026."""
    return complete(content, number, ISSUED)
