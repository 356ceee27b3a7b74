"""Findings out of SVRL, the report language of Schematron."""

import re
from collections.abc import Iterator

from lxml import etree

from shared.einvoice.rules.explanations import explain
from shared.einvoice.rules.finding import Finding, Severity
from shared.einvoice.syntax.names import CAC, CBC, CREDIT_NOTE, INVOICE

_SVRL = "http://purl.oclc.org/dsdl/svrl"
_STEP = re.compile(r"\*:([\w.-]+)\[namespace-uri\(\)='([^']*)'\]|Q\{([^}]*)\}([\w.-]+)")
_TERM = re.compile(r"\bB[TG]-\d+")
_ID_PREFIX = re.compile(r"^\[?([A-Z][\w./-]*)\]?\s*[-:]\s*")
_PREFIXES = {CAC: "cac:", CBC: "cbc:", INVOICE: "", CREDIT_NOTE: ""}
_FATAL = frozenset(("fatal", "error", ""))


def findings(svrl: str, rule_set: str) -> Iterator[Finding]:
    """One finding for each failed assertion and each successful report."""
    if "<svrl:failed-assert" not in svrl and "<svrl:successful-report" not in svrl:
        return
    root = etree.fromstring(svrl.encode())
    for entry in root.iter(f"{{{_SVRL}}}failed-assert", f"{{{_SVRL}}}successful-report"):
        message = official_text(entry)
        rule = entry.get("id") or "unnamed"
        yield Finding(
            rule=rule,
            severity=_severity(entry),
            rule_set=rule_set,
            location=short_path(entry.get("location", "")),
            business_term=business_term(rule, message),
            message=message,
            explanation=explain(rule),
        )


def official_text(entry: etree._Element) -> str:
    """The rule's own words, on one line, without its id in front."""
    text = " ".join("".join(str(part) for part in entry.itertext()).split())
    return _ID_PREFIX.sub("", text.removeprefix("- ")) or text


def business_term(rule: str, message: str) -> str | None:
    """The first BT or BG in the rule's id or, else, in its text or in our words for it."""
    texts = (rule.replace("_", " "), message, explain(rule).en)
    found = next((match for text in texts if (match := _TERM.search(text))), None)
    return found.group() if found else None


def short_path(location: str) -> str:
    """/Invoice[1]/cac:TaxTotal[1] instead of the same with name spaces spelt out."""

    def step(match: re.Match[str]) -> str:
        name = match.group(1) or match.group(4)
        return _PREFIXES.get(match.group(2) or match.group(3) or "", "*:") + name

    return _STEP.sub(step, location)


def _severity(entry: etree._Element) -> Severity:
    flag = (entry.get("flag") or entry.get("role") or "").lower()
    return Severity.FATAL if flag in _FATAL else Severity.WARNING
