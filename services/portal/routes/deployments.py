"""Mass deployment by the portal's API: propose, confirm, follow, try the refused again."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from services.portal.commands import deployment
from services.portal.commands.deployment import Deployment
from services.portal.context import Context, context
from services.portal.domain.deployment import OUTCOMES, Order
from services.portal.store import companies, deployments
from services.portal.store.companies import CompanyFilter, State
from shared.callers import Caller

router = APIRouter(prefix="/api/v1", tags=["deployments"])

Ctx = Annotated[Context, Depends(context)]
PAGE = 100


class Matching(BaseModel):
    """All companies of the firm that match."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, Field(max_length=100)] = ""
    state: State = ""


class Proposal(BaseModel):
    model_config = ConfigDict(extra="forbid")

    company_ids: Annotated[list[UUID], Field(max_length=deployment.LIMIT)] = []
    matching: Matching | None = None
    enabled: bool
    profiles: Annotated[list[str], Field(max_length=500)] = []
    """Names of profiles; each company's own of that name gets access."""


@router.get("/companies")
async def list_companies(
    caller: Caller,
    ctx: Ctx,
    q: Annotated[str, Query(max_length=100)] = "",
    state: State = "",
    after: UUID | None = None,
) -> dict[str, Any]:
    """The firm's companies by name, a hundred at a time, from the one after `after` on."""
    deployment.require_deployer(caller)
    wanted = CompanyFilter(q, state)
    async with ctx.db.system_transaction() as conn:
        lines = await companies.page(conn, caller.company_id, wanted, after, PAGE)
        count = await companies.count(conn, caller.company_id, wanted)
    return {"count": count, "companies": [_company(line) for line in lines]}


@router.post("/deployments", status_code=201)
async def propose(body: Proposal, caller: Caller, ctx: Ctx) -> dict[str, Any]:
    """What the order would do; nothing is changed until it is confirmed."""
    matching = CompanyFilter(body.matching.text, body.matching.state) if body.matching else None
    chosen = await deployment.select(ctx.db, caller, body.company_ids, matching)
    order = Order(body.enabled, frozenset(body.profiles))
    made = await deployment.propose(ctx.db, caller, chosen, order, ctx.clock)
    return _view(await deployment.look(ctx.db, caller, made))


@router.get("/deployments/{deployment_id}")
async def get_deployment(deployment_id: UUID, caller: Caller, ctx: Ctx) -> dict[str, Any]:
    """How far it is."""
    return _view(await deployment.look(ctx.db, caller, deployment_id))


@router.get("/deployments/{deployment_id}/companies")
async def get_companies(
    deployment_id: UUID, caller: Caller, ctx: Ctx, state: str = "", after: int = 0
) -> list[dict[str, Any]]:
    """What was foreseen for each company and what came of it, a hundred at a time."""
    await deployment.look(ctx.db, caller, deployment_id)
    async with ctx.db.system_transaction() as conn:
        items = await deployments.items(conn, deployment_id, state, after, PAGE)
    return [
        {
            "position": i.position,
            "company_id": str(i.company_id),
            "name": i.name,
            "foreseen": i.foreseen,
            "outcome": i.outcome,
            "reason": i.reason,
            "fields": i.fields,
        }
        for i in items
    ]


@router.post("/deployments/{deployment_id}/confirm", status_code=202)
async def confirm(
    deployment_id: UUID, request: Request, caller: Caller, ctx: Ctx
) -> dict[str, Any]:
    """Begin; 409 when what was proposed isn't so any more."""
    await deployment.confirm(ctx.db, caller, deployment_id, ctx.clock)
    request.app.state.deployer.wake()
    return _view(await deployment.look(ctx.db, caller, deployment_id))


@router.post("/deployments/{deployment_id}/retry", status_code=201)
async def retry(deployment_id: UUID, caller: Caller, ctx: Ctx) -> dict[str, Any]:
    """Propose the same again for the companies that were refused."""
    made = await deployment.retry(ctx.db, caller, deployment_id, ctx.clock)
    return _view(await deployment.look(ctx.db, caller, made))


def _company(line: companies.CompanyLine) -> dict[str, Any]:
    return {
        "company_id": str(line.company_id),
        "name": line.name,
        "country": line.country,
        "options": line.options,
        "incomplete": line.incomplete,
        "users": line.users,
        "enabled": line.enabled,
    }


def _view(found: Deployment) -> dict[str, Any]:
    row = found.row
    return {
        "deployment_id": str(row.deployment_id),
        "enabled": row.enabled,
        "profiles": row.profiles,
        "companies": found.total,
        "foreseen": {o: found.foreseen(o) for o in OUTCOMES},
        "gains": found.gains,
        "loses": found.loses,
        "settled": found.settled,
        "came": {o: found.came(o) for o in OUTCOMES},
        "retry_of": str(row.retry_of) if row.retry_of else None,
        "confirmed_at": row.confirmed_at.isoformat() if row.confirmed_at else None,
        "ended_at": row.ended_at.isoformat() if row.ended_at else None,
    }
