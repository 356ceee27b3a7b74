"""What an entry of the audit tells, as a reader knows it: fields by their names, values in words."""

import re
from collections.abc import Mapping
from typing import Any

from services.portal.web import formats, words

FAMILIES = {
    "channel": "channel", "form": "document_form", "change": "draft_change", "changes": "member_change",
    "outcome": "attempt_outcome", "reason": "state", "role": "role", "rights": "right", "apps": "app",
    "missing_legal_fields": "legal_field", "document_kind": "kind", "kind": "kind_of_user", "detail": "precision",
}  # fmt: skip
"""Where the words of a field's values stand."""


UNTOLD = {"action": "", "was": "", "switches": "", "switches_before": "", "support_access": "",
          "require_two_factor": ""}  # fmt: skip
"""What the action, or what changed, says already."""
SWITCHES_BEFORE = re.compile(r"support=(True|False) two_factor=(True|False)")
"""How switches were told before November 2026: how they are then, not how they were."""
FIELD_OF = {"profile": "profile_id", "second_factor": "second_factor_due"}


def told(
    language: str, detail: Mapping[str, Any], profiles: Mapping[str, str] | None = None
) -> str:
    """`Canal: E-mail, Essai: 2`; what holds nothing is left out. `profiles` are their names, by id."""
    changes: dict[str, Any] = {"changes": changed(detail, profiles or {}, language)}
    if SWITCHES_BEFORE.fullmatch(str(detail.get("detail", ""))):
        changes["detail"] = ""
    parts = [
        (words.known(language, f"told.{name}") or name, said(language, name, value))
        for name, value in {**detail, **changes, **UNTOLD}.items()
    ]
    return ", ".join(f"{name}: {value}" for name, value in parts if value)


def changed(detail: Mapping[str, Any], profiles: Mapping[str, str], language: str) -> list[str]:
    """What became of a user, a profile or a switch, and from what to what: `rôle (Employé → Propriétaire)`."""
    if before := SWITCHES_BEFORE.fullmatch(str(detail.get("detail", ""))):
        now = zip(("support_access", "require_two_factor"), before.groups(), strict=True)
        return [
            f"{words.text(language, f'member_change.{name}')} ({said(language, name, on == 'True')})"
            for name, on in now
        ]
    was = detail.get("was", {})
    return [
        words.text(language, f"member_change.{change}")
        + _from_to(language, FIELD_OF.get(change, change), was, detail, profiles)
        for change in detail.get("changes", ())
    ]


def _from_to(
    language: str,
    name: str,
    was: Mapping[str, Any],
    now: Mapping[str, Any],
    profiles: Mapping[str, str],
) -> str:
    before, after = was.get(name), now.get(name)
    if name not in was:
        return ""
    if isinstance(before, list) and isinstance(after, list):
        gained = [f"+ {said(language, name, v)}" for v in after if v not in before]
        lost = [f"− {said(language, name, v)}" for v in before if v not in after]
        return f" ({', '.join([*gained, *lost])})"
    if name == "profile_id":
        none = words.text(language, "said.none")
        before, after = (profiles.get(v, v[-8:]) if v else none for v in (before, after))
        return f" ({before} → {after})"
    return f" ({said(language, name, before)} → {said(language, name, after)})"


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
        return formats.moment(str(value), language, seconds=True)
    return words.known(language, f"{FAMILIES.get(name, '')}.{value}") or str(value)


def broken(language: str, found: Mapping[str, Any]) -> str:
    """How the chain doesn't hold, as the last walk kept it."""
    return words.text(language, f"chain_break.{found['kind']}", **found["values"])
