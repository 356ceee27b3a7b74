"""References, attachments and payment instructions out of UBL."""

from typing import Any

from shared.einvoice.syntax.names import INVOICED_OBJECT, PROJECT
from shared.einvoice.syntax.reading import (
    Element,
    basic,
    child,
    children,
    element_text,
    group_or_none,
    identifier,
    present,
    text,
)


def preceding(root: Element) -> tuple[dict[str, Any], ...]:
    """BG-3."""
    references = [
        child(entry, "InvoiceDocumentReference") for entry in children(root, "BillingReference")
    ]
    return tuple(
        present(number=text(reference, "ID"), issue_date=text(reference, "IssueDate"))
        for reference in references
        if reference is not None
    )


def typed(references: list[Element], type_code: str) -> str | None:
    return next(
        (text(r, "ID") for r in references if text(r, "DocumentTypeCode") == type_code), None
    )


def invoiced_object(references: list[Element]) -> dict[str, Any] | None:
    """BT-18."""
    found = (
        identifier(basic(r, "ID"))
        for r in references
        if text(r, "DocumentTypeCode") == INVOICED_OBJECT
    )
    return next(found, None)


def attachments(references: list[Element]) -> tuple[dict[str, Any], ...]:
    """BG-24."""
    documents = []
    for reference in references:
        if text(reference, "DocumentTypeCode") in (INVOICED_OBJECT, PROJECT):
            continue
        binary = basic(child(reference, "Attachment"), "EmbeddedDocumentBinaryObject")
        documents.append(
            present(
                reference=text(reference, "ID"),
                description=text(reference, "DocumentDescription"),
                location=text(reference, "Attachment", "ExternalReference", "URI"),
                content=element_text(binary),
                mime_code=None if binary is None else binary.get("mimeCode"),
                filename=None if binary is None else binary.get("filename"),
            )
        )
    return tuple(documents)


def payment(root: Element) -> dict[str, Any] | None:
    """BG-16."""
    means = children(root, "PaymentMeans")
    if not means:
        return None
    first, code = means[0], basic(means[0], "PaymentMeansCode")
    accounts = tuple(
        present(
            account=text(entry, "PayeeFinancialAccount", "ID"),
            name=text(entry, "PayeeFinancialAccount", "Name"),
            bic=text(entry, "PayeeFinancialAccount", "FinancialInstitutionBranch", "ID"),
        )
        for entry in means
        if text(entry, "PayeeFinancialAccount", "ID")
    )
    return present(
        means_code=element_text(code),
        means_text=None if code is None else code.get("name"),
        remittance_information=text(first, "PaymentID"),
        accounts=accounts,
        card=group_or_none(
            number=text(first, "CardAccount", "PrimaryAccountNumberID"),
            holder=text(first, "CardAccount", "HolderName"),
            network=text(first, "CardAccount", "NetworkID"),
        ),
        direct_debit=group_or_none(
            mandate=text(first, "PaymentMandate", "ID"),
            account=text(first, "PaymentMandate", "PayerFinancialAccount", "ID"),
            creditor=_creditor(root),
        ),
    )


def _creditor(root: Element) -> str | None:
    for party in (child(root, "PayeeParty"), child(root, "AccountingSupplierParty", "Party")):
        for entry in children(party, "PartyIdentification"):
            found = basic(entry, "ID")
            if found is not None and found.get("schemeID") == "SEPA":
                return element_text(found)
    return None
