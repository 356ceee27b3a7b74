"""Facturation of a company: preview, switch on, change who has access, switch off."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.portal.domain.activation import Effect, Situation, effect, preview_token
from services.portal.domain.errors import (
    LegalInformationMissing,
    NoMassDeployment,
    NoProfileChosen,
    NotSubscribed,
    NoUserAttached,
    StalePreview,
)
from services.portal.store import portals
from shared import outbox
from shared.access.guard import Principal
from shared.access.projection import project_billing
from shared.access.rights import MASS_DEPLOYMENT
from shared.clock import Clock
from shared.contracts.portal import (
    BillingAccessChanged,
    BillingDisabled,
    BillingEnabled,
    BillingEvent,
    ProfileRef,
    SubscriptionChanged,
)
from shared.database import Connection, Database
from shared.events import Actor
from shared.failpoints import failpoint
from shared.problems import Invalid, NotFound

INVOICING_OPTION = "invoicing"


@dataclass(frozen=True)
class Preview:
    """What a change would do, and the token that its confirmation must bring."""

    situation: Situation
    effect: Effect
    token: str


async def look(db: Database, caller: Principal, company_id: UUID) -> Situation:
    """The company's portal, for those who may administer it."""
    async with db.system_transaction() as conn:
        return await _administered(conn, caller, company_id)


async def preview(
    db: Database, caller: Principal, company_id: UUID, *, enabled: bool, profile_ids: Sequence[UUID]
) -> Preview:
    """The warning: exactly who gains and loses access. Refuses what the change itself would."""
    async with db.system_transaction() as conn:
        situation = await _administered(conn, caller, company_id)
    _check(situation, enabled, profile_ids)
    return Preview(
        situation,
        effect(situation, enabled, profile_ids),
        preview_token(situation, enabled, profile_ids),
    )


async def change_billing(
    db: Database,
    caller: Principal,
    company_id: UUID,
    *,
    enabled: bool,
    profile_ids: Sequence[UUID],
    token: str,
    clock: Clock,
) -> Situation:
    """Confirm a preview. What is so already changes nothing and tells nobody."""
    async with db.system_transaction() as conn:
        await portals.lock(conn, company_id)
        situation = await _administered(conn, caller, company_id)
        _check(situation, enabled, profile_ids)
        if not hmac.compare_digest(token, preview_token(situation, enabled, profile_ids)):
            raise StalePreview
        wanted = frozenset(profile_ids)
        if (situation.enabled, situation.profile_ids) != (enabled, wanted):
            await _write(conn, caller, situation, enabled, wanted, clock)
            failpoint("activation.before_commit")
        return await _administered(conn, caller, company_id)


async def set_subscription(
    db: Database, company_id: UUID, plan: str, options: list[str], seats: int, actor: Actor
) -> None:
    """What a company has bought; for the operator (`facteur subscription`)."""
    async with db.system_transaction() as conn:
        version = await portals.subscribe(conn, company_id, plan, options, seats)
        event = SubscriptionChanged(company_id=company_id, plan=plan, options=options, seats=seats)
        await outbox.append(conn, event, actor=actor, aggregate_version=version)


async def _administered(conn: Connection, caller: Principal, company_id: UUID) -> Situation:
    situation = await portals.situation(conn, company_id)
    if situation is None or caller.company_kind != "firm" or situation.firm_id != caller.company_id:
        raise NotFound
    if MASS_DEPLOYMENT not in caller.rights:
        raise NoMassDeployment
    return situation


def _check(situation: Situation, enabled: bool, profile_ids: Sequence[UUID]) -> None:
    if not enabled:
        return
    if INVOICING_OPTION not in situation.options:
        raise NotSubscribed
    if situation.missing_legal_fields:
        missing = list(situation.missing_legal_fields)
        raise LegalInformationMissing(
            missing=missing, errors=[{"field": f, "message": "must be filled in"} for f in missing]
        )
    if not situation.members:
        raise NoUserAttached
    if not profile_ids:
        raise NoProfileChosen(errors=[{"field": "profile_ids", "message": NoProfileChosen.__doc__}])
    unknown = [str(p) for p in profile_ids if p not in situation.profiles]
    if unknown:
        raise Invalid(
            errors=[{"field": "profile_ids", "message": "are not profiles of this company"}]
        )


async def _write(
    conn: Connection,
    caller: Principal,
    before: Situation,
    enabled: bool,
    profile_ids: frozenset[UUID],
    clock: Clock,
) -> None:
    chosen = sorted(profile_ids)
    version = await portals.save(
        conn, before.company_id, caller.company_id, enabled, chosen, str(caller.actor), clock()
    )
    kind: type[BillingEvent] = BillingAccessChanged if before.enabled else BillingEnabled
    if not enabled:
        kind = BillingDisabled
    names = before.profiles
    event = kind(
        company_id=before.company_id,
        firm_id=caller.company_id,
        enabled=enabled,
        profiles=[ProfileRef(profile_id=p, name=names.get(p, "")) for p in chosen],
    )
    envelope = await outbox.append(conn, event, actor=caller.actor, aggregate_version=version)

    await project_billing(conn, event, envelope)
