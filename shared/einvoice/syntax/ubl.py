"""UBL 2.1: write, read, inspect and number invoices and credit notes."""

from shared.einvoice.syntax.names import SignedDocument, UblError
from shared.einvoice.syntax.ubl_inspect import Inspection, PartyIdentity, inspect
from shared.einvoice.syntax.ubl_number import set_number
from shared.einvoice.syntax.ubl_read import read
from shared.einvoice.syntax.ubl_write import write

__all__ = [
    "Inspection", "PartyIdentity", "SignedDocument", "UblError", "inspect", "read", "set_number", "write",
]  # fmt: skip
