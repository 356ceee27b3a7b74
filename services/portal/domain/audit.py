"""The audit chain: each entry's hash binds its content and the hash before it (SHA-256)."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

OMITTED = frozenset({
    "original", "readable", "document", "invoice", "email", "first_name", "last_name", "address",
    "public_key", "words", "target", "name",
})  # fmt: skip
"""Fields that the chain doesn't hold: documents (their own hashes do) and personal data."""


@dataclass(frozen=True)
class Entry:
    """One link."""

    position: int
    event_id: UUID
    happened_at: datetime
    company_id: UUID | None
    actor: str
    action: str
    subject: str
    trace_id: str
    detail: Mapping[str, Any]
    hash: bytes
    origin: str = ""
    """The network that the request came from; empty for what the system did by itself."""


BREAKS = {
    "missing": "entries {first} to {last} are missing",
    "changed": "the entry was changed, or put in another place",
    "cut": "the chain ends at {last}, and had {sealed} entries",
    "end": "the end of the chain isn't what was sealed",
    "recomputed": "one of the entries {first} to {last} was changed, and the chain computed anew",
}
"""How a chain can be broken, in the operator's words; pages have their own (`chain_break`)."""

CHANGES = (
    "added", "removed", "erased", "role", "profile", "rights", "apps", "second_factor", "person",
    "profile_added", "profile_removed", "profile_name", "support_access", "require_two_factor",
)  # fmt: skip
"""What can become of a user, of a profile, of a switch."""

MEMBER_FIELDS: Mapping[str, str] = {
    "role": "role",
    "profile_id": "profile",
    "rights": "rights",
    "apps": "apps",
    "second_factor_due": "second_factor",
}
"""Which field says which of them."""


@dataclass(frozen=True)
class Break:
    """Where a chain doesn't hold, and how: one of BREAKS, with what it names."""

    position: int
    kind: str
    values: Mapping[str, int] = field(default_factory=dict)
    evidence: str = ""
    """The hash that what is found there has, in hex: the same break with another content is another."""

    @property
    def problem(self) -> str:
        return BREAKS[self.kind].format(**self.values)


def link(before: bytes, entry: Entry) -> bytes:
    """The hash of an entry that follows the one with hash `before`."""
    content = {
        "position": entry.position,
        "event": str(entry.event_id),
        "time": entry.happened_at.astimezone(UTC).isoformat(),
        "company": str(entry.company_id) if entry.company_id else None,
        "actor": entry.actor,
        "action": entry.action,
        "subject": entry.subject,
        "trace": entry.trace_id,
        "detail": entry.detail,
    }
    if entry.origin:  # entries of before origins were kept hash as they did
        content["origin"] = entry.origin
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(before + text.encode()).digest()


def detail_of(event: Mapping[str, Any]) -> dict[str, Any]:
    """What of an event the audit keeps: small values, no documents, no personal data."""
    return {
        name: value
        for name, value in event.items()
        if name not in OMITTED and (not isinstance(value, str) or len(value) <= 300)
    }


@dataclass
class Verification:
    """Walks a chain from its beginning, entry by entry; each break is located, and the walk goes on.

    `checkpoints` are hashes by position, from outside the database: they tell a chain that was computed
    anew, or cut short together with its head, which by itself holds.
    """

    checkpoints: Mapping[int, bytes] = field(default_factory=dict)
    resumed: Mapping[int, bytes] = field(default_factory=dict)
    """With what the chain went on after that position, where that was acknowledged: its rows needn't say."""
    broken: list[Break] = field(default_factory=list)
    agreed: int = 0
    """The last checkpoint that agrees."""
    recomputed: bool = False
    expected: int = 1
    before: bytes = b""

    def feed(self, entry: Entry) -> None:
        """The next entry, in the order of positions."""
        resumed = self.resumed.get(entry.position - 1)
        actual = link(self.before if resumed is None else resumed, entry)
        gap = entry.position != self.expected
        if gap:
            # what follows a gap is bound to it by nothing, but where the chain is known to have gone on
            self._miss(entry.position - 1, actual.hex() if resumed is None else "")
        if actual != entry.hash and (resumed is not None or not gap):
            self.broken.append(Break(entry.position, "changed", evidence=actual.hex()))
        self.before, self.expected = entry.hash, entry.position + 1
        self._compare(entry)

    def _miss(self, last: int, evidence: str) -> None:
        missing = {"first": self.expected, "last": last}
        self.broken.append(Break(self.expected, "missing", missing, evidence))

    def _compare(self, entry: Entry) -> None:
        """With the checkpoint at that position; after the first that differs all others do."""
        sealed = self.checkpoints.get(entry.position)
        if sealed is None or self.recomputed:
            return
        if sealed == entry.hash:
            self.agreed = entry.position
            return
        self.recomputed = True
        among = {"first": self.agreed + 1, "last": entry.position}
        self.broken.append(Break(self.agreed + 1, "recomputed", among))

    def finish(self, head_position: int, head_hash: bytes) -> list[Break]:
        """Compare the end with what was sealed; returns every break, empty when the chain holds."""
        last, sealed = self.expected - 1, max(self.checkpoints, default=0)
        if last < head_position:
            self._miss(head_position, "")
        elif last > head_position or self.before != head_hash:
            self.broken.append(Break(head_position, "end", evidence=self.before.hex()))
        there = max(last, head_position)
        if there < sealed:
            self.broken.append(Break(there + 1, "cut", {"last": there, "sealed": sealed}))
        return self.broken


def membership_changes(before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> list[str]:
    """Which of CHANGES an event about a user's place in a company tells, given the entry before it."""
    if not (before or {}).get("active"):
        return ["added"] if now["active"] else ["erased" if before else "removed"]
    if not now["active"]:
        return ["removed"]
    assert before is not None  # noqa: S101 — an active one was before
    found = [said for name, said in MEMBER_FIELDS.items() if before.get(name) != now.get(name)]
    return found or ["person"]


def membership_before(before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> dict[str, Any]:
    """What such an event takes the place of: the former values, of somebody who was and stays a user."""
    if before is None or not (before.get("active") and now["active"]):
        return {}
    return {name: before.get(name) for name in MEMBER_FIELDS if before.get(name) != now.get(name)}


PROFILE_FIELDS = ("profile_name", "rights")


def profile_changes(
    before: Mapping[str, Any] | None, now: Mapping[str, Any]
) -> tuple[list[str], dict[str, Any]]:
    """Which of CHANGES an event about a profile tells, and the former values, given the entry before it."""
    if not (before or {}).get("active") or before is None:
        return (["profile_added"] if now["active"] else ["profile_removed"]), {}
    if not now["active"]:
        return ["profile_removed"], {}
    # entries of before profiles' names were kept say nothing of them
    was = {n: before[n] for n in PROFILE_FIELDS if n in before and before[n] != now.get(n)}
    return list(was), was


def about(detail: Mapping[str, Any], subject: str, name: str = "") -> str:
    """What an entry is about, as a person knows it: a document's number, a name; else the end of an id
    (ids of one hour begin alike), but of what a person did with himself."""
    kept = (detail.get(field) for field in ("product_name", "number", "prefix", "profile_name"))
    known = next(filter(None, kept), name)
    return str(known or ("" if "action_id" in detail else f"…{subject[-8:]}"))
