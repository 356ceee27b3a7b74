"""Switching facturation on for a company: preconditions, who gains and loses access, and the proof
that the person who confirms has seen just that."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.portal.domain.errors import (
    LegalInformationMissing,
    NoProfileChosen,
    NotSubscribed,
    NoUserAttached,
)
from shared.problems import Invalid

INVOICING_OPTION = "invoicing"


@dataclass(frozen=True)
class Member:
    """Somebody with access to the company, as far as access is concerned."""

    user_id: UUID
    name: str
    email: str
    profile_id: UUID | None
    external: bool = False
    """An accountant, or support inside: has no profile, and invoicing whenever it is on."""


@dataclass(frozen=True)
class Situation:
    """All that a decision about a company's facturation rests on."""

    company_id: UUID
    firm_id: UUID | None
    name: str
    options: frozenset[str]
    missing_legal_fields: tuple[str, ...]
    members: tuple[Member, ...]
    profiles: dict[UUID, str]
    """Active profiles: id → name."""
    enabled: bool
    profile_ids: frozenset[UUID]
    version: int


@dataclass(frozen=True)
class Effect:
    """Who gains and who loses access by a change."""

    gains: tuple[Member, ...]
    loses: tuple[Member, ...]
    keeps: tuple[Member, ...]


def check(now: Situation, enabled: bool, profile_ids: Sequence[UUID]) -> None:
    """Raise the refusal of the first precondition that isn't met; switching off needs none."""
    if not enabled:
        return
    if INVOICING_OPTION not in now.options:
        raise NotSubscribed
    if now.missing_legal_fields:
        missing = list(now.missing_legal_fields)
        raise LegalInformationMissing(
            missing=missing, errors=[{"field": f, "message": "must be filled in"} for f in missing]
        )
    if not any(not m.external for m in now.members):
        raise NoUserAttached
    if not profile_ids:
        raise NoProfileChosen(errors=[{"field": "profile_ids", "message": NoProfileChosen.__doc__}])
    if any(p not in now.profiles for p in profile_ids):
        raise Invalid(
            errors=[{"field": "profile_ids", "message": "are not profiles of this company"}]
        )


def effect(now: Situation, enabled: bool, profile_ids: Sequence[UUID]) -> Effect:
    """Compare access before and after."""
    before = now.profile_ids if now.enabled else frozenset()
    after = frozenset(profile_ids) if enabled else frozenset()
    had = [m for m in now.members if m.profile_id in before or (m.external and now.enabled)]
    will = [m for m in now.members if m.profile_id in after or (m.external and enabled)]
    return Effect(
        gains=tuple(m for m in will if m not in had),
        loses=tuple(m for m in had if m not in will),
        keeps=tuple(m for m in will if m in had),
    )


def preview_token(now: Situation, enabled: bool, profile_ids: Sequence[UUID]) -> str:
    """A digest of what the warning showed: the state and the users concerned. Another one at the
    confirmation means that somebody changed something meanwhile."""
    change = effect(now, enabled, profile_ids)
    seen = {
        "company": str(now.company_id),
        "version": now.version,
        "enabled": enabled,
        "profiles": sorted(str(p) for p in profile_ids),
        "gains": sorted(str(m.user_id) for m in change.gains),
        "loses": sorted(str(m.user_id) for m in change.loses),
        "keeps": sorted(str(m.user_id) for m in change.keeps),
    }
    return hashlib.sha256(json.dumps(seen, sort_keys=True).encode()).hexdigest()
