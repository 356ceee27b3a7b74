"""The official rules for e-invoices: bytes in, findings out.

Nothing here is loaded on import that costs: Saxon lives in the worker processes of `Validator`.
"""

from shared.einvoice.rules.applicable import applicable_sets
from shared.einvoice.rules.catalogue import (
    BR_FR,
    CEN,
    PEPPOL,
    PEPPOL_SELF_BILLING,
    UBL_XSD,
    RuleSet,
    RuleSetMissing,
    rule_sets_in_force,
)
from shared.einvoice.rules.finding import Explanation, Finding, Severity, refused
from shared.einvoice.rules.validator import Validator, ValidatorBroken, ValidatorBusy

__all__ = [
    "BR_FR", "CEN", "PEPPOL", "PEPPOL_SELF_BILLING", "UBL_XSD", "Explanation", "Finding", "RuleSet",
    "RuleSetMissing", "Severity", "Validator", "ValidatorBroken", "ValidatorBusy", "applicable_sets",
    "refused", "rule_sets_in_force",
]  # fmt: skip
