"""Mass deployment: propose (the warning), confirm, try the refused again, and work it off.

A confirmed deployment is rows in the database. Each transaction of the worker settles some companies
with everything that follows from it (state, outbox, result), so that a kill leaves nothing half and
the next process goes on where the last one stopped.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from services.portal.commands.activation import Change, write
from services.portal.domain.activation import Situation
from services.portal.domain.deployment import Decision, Order, decide, refused
from services.portal.domain.errors import (
    NoMassDeployment,
    NoProfileChosen,
    NothingChosen,
    NothingRefused,
    StalePreview,
)
from services.portal.store import companies, deployments, portals
from services.portal.store.companies import CompanyFilter
from services.portal.store.deployments import Count, DeploymentRow, ItemRow
from shared.access import store as access
from shared.access.guard import Principal
from shared.access.rights import MASS_DEPLOYMENT
from shared.clock import Clock
from shared.database import Connection, Database
from shared.events import Actor
from shared.failpoints import failpoint
from shared.ids import new_id
from shared.origin import coming_from, current_origin
from shared.outbox import current_traceparent
from shared.problems import Forbidden, NotFound
from shared.telemetry import continued

LIMIT = 10_000
"""Companies in one deployment."""
CHUNK = 200
"""Companies in one transaction of the worker."""
PROPOSALS_LAST = timedelta(days=1)
NOBODY = UUID(int=0)


@dataclass(frozen=True)
class Deployment:
    """A deployment and how far it is."""

    row: DeploymentRow
    counts: list[Count]

    def foreseen(self, outcome: str) -> int:
        """How many companies the warning put there."""
        return sum(c.companies for c in self.counts if c.foreseen == outcome)

    def came(self, outcome: str) -> int:
        """How many companies ended there."""
        return sum(c.companies for c in self.counts if c.outcome == outcome)

    @property
    def total(self) -> int:
        return sum(c.companies for c in self.counts)

    @property
    def settled(self) -> int:
        return sum(c.companies for c in self.counts if c.outcome is not None)

    @property
    def gains(self) -> int:
        """Users who gain access, by the warning."""
        return sum(c.gains for c in self.counts)

    @property
    def loses(self) -> int:
        return sum(c.loses for c in self.counts)

    @property
    def pulse(self) -> int:
        """As `deployments.pulses`."""
        return self.settled + bool(self.row.confirmed_at) + bool(self.row.ended_at)


async def select(
    db: Database, caller: Principal, chosen: Sequence[UUID], wanted: CompanyFilter | None
) -> list[UUID]:
    """The firm's companies that are meant, by name: all that match a filter, or those chosen."""
    require_deployer(caller)
    async with db.system_transaction() as conn:
        if wanted is not None:
            found = await companies.ids(conn, caller.company_id, wanted, LIMIT + 1)
        else:
            found = await companies.in_order(conn, caller.company_id, list(chosen))
            if len(found) < len(set(chosen)):
                raise NotFound
    if not 0 < len(found) <= LIMIT:
        raise NothingChosen
    return found


async def propose(
    db: Database,
    caller: Principal,
    company_ids: Sequence[UUID],
    order: Order,
    clock: Clock,
    *,
    retry_of: UUID | None = None,
) -> UUID:
    """Work out what the order would do to each company, and keep that; nothing is changed by it."""
    require_deployer(caller)
    if order.enabled and not order.profiles:
        raise NoProfileChosen(errors=[{"field": "profile_ids", "message": NoProfileChosen.__doc__}])
    row = _order_of(caller, order, clock, retry_of)
    async with db.system_transaction() as conn:
        found = await _decided(conn, caller.company_id, company_ids, order)
        if not 0 < len(found) <= LIMIT:
            raise NothingChosen
        items = [
            _item(row.deployment_id, position, situation, decision)
            for position, (situation, decision) in enumerate(found, start=1)
        ]
        await deployments.add(conn, row, items)
    return row.deployment_id


async def confirm(db: Database, caller: Principal, deployment_id: UUID, clock: Clock) -> None:
    """Have it worked off. Refused when anything that the warning showed isn't so any more; a second
    confirmation changes nothing."""
    require_deployer(caller)
    async with db.system_transaction() as conn:
        row = await deployments.lock(conn, caller.company_id, deployment_id)
        if row is None:
            raise NotFound
        if row.confirmed_at is not None:
            return
        seen = await deployments.tokens(conn, deployment_id)
        now = await _decided(conn, caller.company_id, list(seen), order_in(row))
        if {d.company_id: d.token for _, d in now} != seen:
            raise StalePreview
        by_me = _order_of(caller, order_in(row), clock, row.retry_of)
        await deployments.confirm(conn, deployment_id, by_me, clock())


async def renewed(db: Database, caller: Principal, deployment_id: UUID, clock: Clock) -> UUID:
    """The same order proposed anew, in the place of a warning that is stale."""
    row = (await look(db, caller, deployment_id)).row
    async with db.system_transaction() as conn:
        chosen = list(await deployments.tokens(conn, deployment_id))
        await deployments.remove(conn, deployment_id)
    return await propose(db, caller, chosen, order_in(row), clock, retry_of=row.retry_of)


async def retry(db: Database, caller: Principal, deployment_id: UUID, clock: Clock) -> UUID:
    """The same order proposed again for the companies that were refused, and for no other."""
    row = (await look(db, caller, deployment_id)).row
    async with db.system_transaction() as conn:
        chosen = await deployments.refused(conn, deployment_id)
    if not chosen:
        raise NothingRefused
    return await propose(db, caller, chosen, order_in(row), clock, retry_of=deployment_id)


async def look(db: Database, caller: Principal, deployment_id: UUID) -> Deployment:
    """One deployment of the caller's firm."""
    require_deployer(caller)
    async with db.system_transaction() as conn:
        row = await deployments.get(conn, caller.company_id, deployment_id)
        if row is None:
            raise NotFound
        return Deployment(row, await deployments.counts(conn, deployment_id))


async def recent(db: Database, caller: Principal, limit: int) -> list[Deployment]:
    """What the firm has deployed, newest first."""
    require_deployer(caller)
    async with db.system_transaction() as conn:
        rows = await deployments.recent(conn, caller.company_id, limit)
        return [Deployment(r, await deployments.counts(conn, r.deployment_id)) for r in rows]


async def work_off(db: Database, clock: Clock) -> int:
    """Settle the next companies of each open deployment; returns how many."""
    async with db.system_transaction() as conn:
        open_ones = await deployments.open_ones(conn)
    return sum([await _settle_some(db, row, clock) for row in open_ones])


async def _settle_some(db: Database, row: DeploymentRow, clock: Clock) -> int:
    with continued(row.traceparent, "deploy"), coming_from(row.origin):
        async with db.system_transaction() as conn:
            items = await deployments.lease(conn, row.deployment_id, CHUNK)
            await portals.lock(conn, [i.company_id for i in items])
            decisions = await _decided_again(conn, row, items)
            changes = [
                Change(situation, row.enabled, frozenset(decision.profile_ids))
                for situation, decision in decisions
                if decision.outcome in ("enabled", "changed", "disabled")
            ]
            await write(conn, row.firm_id, Actor.parse(row.actor), changes, clock)
            now = clock()
            settled = [
                replace(
                    i, outcome=d.outcome, reason=d.reason, fields=list(d.fields), settled_at=now
                )
                for i, (_, d) in zip(items, decisions, strict=True)
            ]
            await deployments.settle(conn, settled)
            await deployments.end_if_over(conn, row.deployment_id, now)
            failpoint("deployment.before_commit")
        failpoint("deployment.after_commit")
    return len(items)


async def _decided_again(
    conn: Connection, row: DeploymentRow, items: Sequence[ItemRow]
) -> list[tuple[Situation, Decision]]:
    """What is to be done now; where that isn't what the warning showed, nothing is."""
    found = dict(await portals.situations(conn, [i.company_id for i in items]))
    allowed = await _still_allowed(conn, row)
    return [(found[i.company_id], _again(row, i, found[i.company_id], allowed)) for i in items]


def _again(row: DeploymentRow, item: ItemRow, now: Situation, allowed: bool) -> Decision:
    if not allowed:
        return refused(now, NoMassDeployment())
    decision = decide(now, order_in(row))
    stale = decision.token != item.token or now.firm_id != row.firm_id
    return refused(now, StalePreview()) if stale else decision


async def _still_allowed(conn: Connection, row: DeploymentRow) -> bool:
    """Whether whoever confirmed holds the right still; their session may have ended meanwhile."""
    standing = await access.standing(conn, row.membership_id, NOBODY)
    return standing.active and MASS_DEPLOYMENT in standing.rights


async def _decided(
    conn: Connection, firm_id: UUID, company_ids: Sequence[UUID], order: Order
) -> list[tuple[Situation, Decision]]:
    found = await portals.situations(conn, company_ids)
    own = [found[c] for c in company_ids if c in found and found[c].firm_id == firm_id]
    return [(situation, decide(situation, order)) for situation in own]


def require_deployer(caller: Principal) -> None:
    """Forbidden unless the caller works in a firm and holds the right to mass deployment (P4)."""
    if not caller.of_firm:
        raise Forbidden(slug="not-a-firm")
    if MASS_DEPLOYMENT not in caller.rights:
        raise NoMassDeployment


def order_in(row: DeploymentRow) -> Order:
    """What was asked for."""
    return Order(row.enabled, frozenset(row.profiles))


def _order_of(
    caller: Principal, order: Order, clock: Clock, retry_of: UUID | None
) -> DeploymentRow:
    return DeploymentRow(
        deployment_id=new_id(),
        firm_id=caller.company_id,
        enabled=order.enabled,
        profiles=sorted(order.profiles),
        actor=str(caller.actor),
        membership_id=caller.membership_id,
        traceparent=current_traceparent(),
        origin=current_origin(),
        retry_of=retry_of,
        proposed_at=clock(),
        confirmed_at=None,
        ended_at=None,
    )


def _item(deployment_id: UUID, position: int, now: Situation, decision: Decision) -> ItemRow:
    return ItemRow(
        deployment_id=deployment_id,
        position=position,
        company_id=now.company_id,
        name=now.name,
        token=decision.token,
        foreseen=decision.outcome,
        gains=len(decision.effect.gains),
        loses=len(decision.effect.loses),
        keeps=len(decision.effect.keeps),
        reason=decision.reason,
        fields=list(decision.fields),
        outcome=None,
        settled_at=None,
    )
