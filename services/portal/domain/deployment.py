"""One order for many companies: what it means for each of them, and what the warning showed of it."""

import hashlib
import json
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from services.portal.domain.activation import Effect, Situation, check, effect, preview_token
from services.portal.domain.errors import NoSuchProfile
from shared.problems import Problem

Outcome = Literal["enabled", "changed", "disabled", "unchanged", "refused"]
OUTCOMES: tuple[Outcome, ...] = ("enabled", "changed", "disabled", "unchanged", "refused")

NOTHING = Effect((), (), ())

FIELDS = {"not-subscribed": "option", "no-user": "users", "no-such-profile": "profiles"}
"""Which field of a company a refusal is about; missing legal fields name themselves."""


@dataclass(frozen=True)
class Order:
    """Switch facturation on for the profiles of these names (or ids), or off."""

    enabled: bool
    profiles: frozenset[str]

    def profiles_of(self, company: Situation) -> list[UUID]:
        """The profiles of one company that are meant."""
        if not self.enabled:
            return []
        return [p for p, name in company.profiles.items() if {str(p), name} & self.profiles]


@dataclass(frozen=True)
class Decision:
    """What an order does to one company; `token` binds a confirmation to just this."""

    company_id: UUID
    outcome: Outcome
    profile_ids: tuple[UUID, ...]
    effect: Effect
    token: str
    reason: str = ""
    """The slug of the refusal."""
    fields: tuple[str, ...] = ()
    """What is missing or wrong, by name."""


def decide(now: Situation, order: Order) -> Decision:
    """Apply the order to what is so now; a refusal is an outcome like the others."""
    chosen = order.profiles_of(now)
    try:
        check(now, order.enabled, chosen)
    except Problem as problem:
        if problem.slug == "no-profile" and order.profiles:
            problem = NoSuchProfile()
        return refused(now, problem)
    wanted = frozenset(chosen)
    return Decision(
        now.company_id,
        _outcome(now, order.enabled, wanted),
        tuple(sorted(chosen)),
        effect(now, order.enabled, chosen),
        preview_token(now, order.enabled, chosen),
    )


def refused(now: Situation, problem: Problem) -> Decision:
    """The order changes nothing here, and this is why."""
    fields = problem.extra.get("missing") or [FIELDS.get(problem.slug, "")]
    named = tuple(str(f) for f in fields if f)
    seen = json.dumps([str(now.company_id), problem.slug, named])
    token = hashlib.sha256(seen.encode()).hexdigest()
    return Decision(now.company_id, "refused", (), NOTHING, token, problem.slug, named)


def _outcome(now: Situation, enabled: bool, wanted: frozenset[UUID]) -> Outcome:
    if not enabled:
        return "disabled" if now.enabled else "unchanged"
    if not now.enabled:
        return "enabled"
    return "unchanged" if now.profile_ids == wanted else "changed"
