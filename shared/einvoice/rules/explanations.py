"""What is wrong and what to do, for the rules that users meet, in French, Dutch and English."""

import re
import tomllib
from functools import cache
from pathlib import Path

from shared.einvoice.rules.finding import Explanation, Finding, Severity

_FILE = Path(__file__).parent / "explanations.toml"
_CATEGORY_RULE = re.compile(r"^BR-(S|Z|E|AE|IC|G|O|IG|IP)-(\d\d)$")

SUPERSEDED = {"PEPPOL-EN16931-R007": "BR-FR-08"}
"""Peppol rules that give way to a French one between French parties, for no document can satisfy both.

BT-23 is Peppol's process identifier by the one and the French billing framework by the other. The
finding stays, as a warning that says so.
"""


def explain(rule: str) -> Explanation:
    """Our words for the rule: its own, those of its family, or a general sentence."""
    table = _table()
    own = table.get(rule) or table.get(_base(rule))
    if own:
        return Explanation(**own)
    match = _CATEGORY_RULE.match(rule)
    if match and f"BR-*-{match.group(2)}" in table:
        category = {"IC": "K", "IG": "L", "IP": "M"}.get(match.group(1), match.group(1))
        family = table[f"BR-*-{match.group(2)}"]
        return Explanation(
            **{language: text.replace("{category}", category) for language, text in family.items()}
        )
    return Explanation(
        **{language: text.replace("{rule}", rule) for language, text in table["*"].items()}
    )


def known_rules() -> frozenset[str]:
    """The rules that have words of their own (families count once)."""
    return frozenset(_table())


def superseded(finding: Finding) -> Finding:
    """The finding, made a warning if a French rule takes its place."""
    if finding.rule not in SUPERSEDED:
        return finding
    return finding.model_copy(
        update={"severity": Severity.WARNING, "explanation": explain(f"{finding.rule}:superseded")}
    )


@cache
def _table() -> dict[str, dict[str, str]]:
    return tomllib.loads(_FILE.read_text("utf-8"))


def _base(rule: str) -> str:
    """BR-FR-09 for BR-FR-09_BT-29, BR-DEC for BR-DEC-12."""
    return "BR-DEC" if rule.startswith("BR-DEC-") else rule.partition("_")[0]
