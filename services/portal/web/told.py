"""What an entry of the audit tells, as a reader knows it: fields by their names, values in words."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.portal.web import formats, words

FAMILIES = {
    "channel": "channel", "form": "document_form", "change": "draft_change", "changes": "member_change",
    "outcome": "attempt_outcome", "reason": "state", "role": "role", "rights": "right", "apps": "app",
    "missing_legal_fields": "legal_field", "document_kind": "kind", "kind": "kind_of_user",
}  # fmt: skip
"""Where the words of a field's values stand."""


def told(language: str, detail: Mapping[str, Any]) -> str:
    """`Canal: E-mail, Essai: 2`; what holds nothing is left out."""
    parts = [
        (words.known(language, f"told.{name}") or name, said(language, name, value))
        for name, value in {**detail, "changes": changed(detail, language), "was": ""}.items()
    ]
    return ", ".join(f"{name}: {value}" for name, value in parts if value)


def changed(detail: Mapping[str, Any], language: str) -> list[str]:
    """What became of a user, and from what to what: `rôle (Employé → Propriétaire)`."""
    was = detail.get("was", {})
    return [
        words.text(language, f"member_change.{change}") + _from_to(language, change, was, detail)
        for change in detail.get("changes", ())
    ]


def _from_to(language: str, name: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    before, after = was.get(name), now.get(name)
    if isinstance(before, list) and isinstance(after, list):
        gained = [f"+ {said(language, name, v)}" for v in after if v not in before]
        lost = [f"− {said(language, name, v)}" for v in before if v not in after]
        return f" ({', '.join([*gained, *lost])})"
    if isinstance(before, str) and isinstance(after, str):
        return f" ({said(language, name, before)} → {said(language, name, after)})"
    return ""


def said(language: str, name: str, value: Any) -> str:
    """One value in words; a list or a table, by its parts."""
    if isinstance(value, bool):
        return words.text(language, "said.yes" if value else "said.no")
    if isinstance(value, Mapping):
        return " ".join(found for k, v in value.items() if (found := said(language, k, v)))
    if isinstance(value, list):
        return "; ".join(found for v in value if (found := said(language, name, v)))
    if value is None:
        return ""
    if name.endswith("_at"):
        return _moment(language, str(value))
    return words.known(language, f"{FAMILIES.get(name, '')}.{value}") or str(value)


def _moment(language: str, value: str) -> str:
    try:
        return formats.moment(datetime.fromisoformat(value), language, seconds=True)
    except ValueError:
        return value


def broken(language: str, found: Mapping[str, Any]) -> str:
    """How the chain doesn't hold, as the last walk kept it."""
    return words.text(language, f"chain_break.{found['kind']}", **found["values"])
