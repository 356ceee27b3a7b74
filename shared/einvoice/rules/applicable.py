"""Which rule sets a document is judged by."""

from shared.einvoice.model import Invoice
from shared.einvoice.rules.catalogue import BR_FR, CEN, PEPPOL, PEPPOL_SELF_BILLING, UBL_XSD
from shared.einvoice.syntax.ubl_inspect import Inspection


def applicable_sets(document: Invoice | Inspection) -> tuple[str, ...]:
    """Names of rule sets: the schema, EN 16931, Peppol, and the French rules between French parties.

    A French document that doesn't claim to be Peppol's (BT-24) isn't judged by Peppol's rules; any
    other document is, for Peppol BIS is what Facteur issues.
    """
    specification = document.specification or ""
    sets = [UBL_XSD, CEN]
    if "poacc:selfbilling:" in specification:
        sets.append(PEPPOL_SELF_BILLING)
    elif "poacc:billing:" in specification or not document.is_french:
        sets.append(PEPPOL)
    if document.is_french:
        sets.append(BR_FR)
    return tuple(sets)
