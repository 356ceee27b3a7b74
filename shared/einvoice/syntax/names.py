"""Names of UBL 2.1 that reader and writer share."""

from pydantic import ValidationError

CAC = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
CBC = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"
INVOICE = "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
CREDIT_NOTE = "urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2"
SIGNATURES = "urn:oasis:names:specification:ubl:schema:xsd:CommonSignatureComponents-2"
XMLDSIG = "http://www.w3.org/2000/09/xmldsig#"
NAMESPACES = {"cac": CAC, "cbc": CBC}
INVOICE_ROOT = f"{{{INVOICE}}}Invoice"
CREDIT_NOTE_ROOT = f"{{{CREDIT_NOTE}}}CreditNote"
INVOICED_OBJECT = "130"
"""DocumentTypeCode by which UBL tells BT-18 from BG-24."""
PROJECT = "50"
"""DocumentTypeCode by which a UBL credit note carries BT-11."""


class UblError(ValueError):
    """The document cannot be taken as a UBL invoice or credit note; the message names the term."""


class SignedDocument(UblError):
    """The document is signed: any change, a number too, would break the signature."""


def wrong_terms(error: ValidationError) -> UblError:
    """What doesn't fit the terms of EN 16931, by the first five fields."""
    problems = "; ".join(
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
        for problem in error.errors()[:5]
    )
    return UblError(f"the document lacks terms of EN 16931 or has wrong ones: {problems}")
