"""Facturation of a company: preview, switch on, change who has access, switch off."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.portal.domain.activation import Effect, Situation, check, effect, preview_token
from services.portal.domain.errors import NoMassDeployment, StalePreview
from services.portal.store import portals
from services.portal.store.portals import PortalRow
from shared import outbox
from shared.access.guard import Principal
from shared.access.projection import project_billings
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
from shared.problems import NotFound


@dataclass(frozen=True)
class Preview:
    """What a change would do, and the token that its confirmation must bring."""

    situation: Situation
    effect: Effect
    token: str


@dataclass(frozen=True)
class Change:
    """A new state of one company's facturation."""

    before: Situation
    enabled: bool
    profile_ids: frozenset[UUID]

    @property
    def version(self) -> int:
        return self.before.version + 1

    def announcement(self, firm_id: UUID) -> BillingEvent:
        """What is told of it."""
        kind: type[BillingEvent] = BillingAccessChanged if self.before.enabled else BillingEnabled
        if not self.enabled:
            kind = BillingDisabled
        names = self.before.profiles
        return kind(
            company_id=self.before.company_id,
            firm_id=firm_id,
            enabled=self.enabled,
            profiles=[
                ProfileRef(profile_id=p, name=names.get(p, "")) for p in sorted(self.profile_ids)
            ],
        )


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
    check(situation, enabled, profile_ids)
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
        await portals.lock(conn, [company_id])
        situation = await _administered(conn, caller, company_id)
        check(situation, enabled, profile_ids)
        if not hmac.compare_digest(
            token.encode(), preview_token(situation, enabled, profile_ids).encode()
        ):
            raise StalePreview
        wanted = frozenset(profile_ids)
        if (situation.enabled, situation.profile_ids) != (enabled, wanted):
            change = Change(situation, enabled, wanted)
            await write(conn, caller.company_id, caller.actor, [change], clock)
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
    if situation is not None and _is_own(situation, caller):
        return situation
    if situation is None or not caller.of_firm or situation.firm_id != caller.company_id:
        raise NotFound
    if MASS_DEPLOYMENT not in caller.rights:
        raise NoMassDeployment
    return situation


def _is_own(situation: Situation, caller: Principal) -> bool:
    """A company that no firm administers is its own administrator; its owners act for it."""
    return (
        situation.firm_id is None
        and caller.company_id == situation.company_id
        and (caller.role, caller.kind) == ("owner", "internal")
    )


async def write(
    conn: Connection, firm_id: UUID, actor: Actor, changes: Sequence[Change], clock: Clock
) -> None:
    """Store new states of facturation and tell everybody, this service included; whoever calls holds
    the locks of the companies."""
    now = clock()
    rows = [
        PortalRow(
            c.before.company_id,
            firm_id,
            c.enabled,
            sorted(c.profile_ids),
            str(actor),
            now,
            c.version,
        )
        for c in changes
    ]
    await portals.save(conn, rows)
    events = [(c.announcement(firm_id), c.version) for c in changes]
    envelopes = await outbox.append_many(conn, events, actor=actor, clock=clock)
    await project_billings(conn, [(e, env) for (e, _), env in zip(events, envelopes, strict=True)])
