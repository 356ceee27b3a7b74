"""One order for many companies: its warning, its progress, a result for each company."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response, StreamingResponse

from services.portal.commands import deployment
from services.portal.commands.deployment import Deployment
from services.portal.domain.activation import Effect
from services.portal.domain.deployment import NOTHING, OUTCOMES, decide
from services.portal.domain.errors import StalePreview
from services.portal.spreadsheet import CSV, as_csv
from services.portal.store import deployments, people, portals
from services.portal.store.deployments import ItemRow
from services.portal.web import formats, words
from services.portal.web.visitor import Deployer, Visitor
from shared.database import Connection

router = APIRouter(include_in_schema=False, prefix="/companies/portal/deployments")

COLUMNS = (
    "deployment.column_name",
    "deployment.column_id",
    "deployment.column_result",
    "deployment.column_why",
    "deployment.column_fields",
    "deployment.column_at",
)
PAGE = 50
RECENT = 50


@router.get("")
async def deployed(visitor: Deployer) -> Response:
    """What the firm has deployed, newest first."""
    database = visitor.request.app.state.service.database
    found = await deployment.recent(database, visitor.me, RECENT)
    async with database.system_transaction() as conn:
        names = await people.names_in(conn, visitor.me.company_id)
    return visitor.page("deployments/list.html", deployments=found, names=names, outcomes=OUTCOMES)


@router.get("/{deployment_id}")
async def one(deployment_id: UUID, visitor: Deployer, state: str = "", after: int = 0) -> Response:
    """The warning while it isn't confirmed; then how far it is, and what came of each company."""
    return await _page(visitor, deployment_id, state, after)


@router.post("/{deployment_id}/confirm")
async def confirm(deployment_id: UUID, visitor: Deployer) -> Response:
    """Begin. A warning that is stale is shown anew (409); a second click changes nothing."""
    app = visitor.request.app.state
    try:
        await deployment.confirm(app.service.database, visitor.me, deployment_id, app.clock)
    except StalePreview:
        fresh = await deployment.renewed(app.service.database, visitor.me, deployment_id, app.clock)
        return await _page(visitor, fresh, stale=True)
    app.deployer.wake()
    return visitor.go(f"/companies/portal/deployments/{deployment_id}")


@router.post("/{deployment_id}/retry")
async def retry(deployment_id: UUID, visitor: Deployer) -> Response:
    """The warning of the same order for the companies that were refused."""
    app = visitor.request.app.state
    made = await deployment.retry(app.service.database, visitor.me, deployment_id, app.clock)
    return visitor.go(f"/companies/portal/deployments/{made}")


@router.get("/{deployment_id}/results.csv")
async def results(deployment_id: UUID, visitor: Deployer) -> Response:
    """Every company and what came of it, for a spreadsheet."""
    await deployment.look(visitor.request.app.state.service.database, visitor.me, deployment_id)
    head = [visitor.text(key) for key in COLUMNS]
    return StreamingResponse(
        as_csv(head, _rows(visitor, deployment_id)),
        media_type=CSV,
        headers={"Content-Disposition": f'attachment; filename="deployment-{deployment_id}.csv"'},
    )


async def _rows(visitor: Visitor, deployment_id: UUID) -> AsyncIterator[list[str]]:
    language, last = visitor.language, 0
    while True:
        async with visitor.request.app.state.service.database.system_transaction() as conn:
            items = await deployments.items(conn, deployment_id, "", last, 500)
        if not items:
            return
        for item in items:
            yield [
                item.name,
                str(item.company_id),
                words.text(language, f"outcome.{item.outcome or 'waiting'}"),
                words.known(language, f"problem.{item.reason}") or item.reason,
                ", ".join(words.known(language, f"legal_field.{f}") or f for f in item.fields),
                formats.moment(item.settled_at, language, seconds=True),
            ]
        last = items[-1].position


async def _page(
    visitor: Visitor, deployment_id: UUID, state: str = "", after: int = 0, *, stale: bool = False
) -> Response:
    database = visitor.request.app.state.service.database
    found = await deployment.look(database, visitor.me, deployment_id)
    wanted = state if state in OUTCOMES else ""
    async with database.system_transaction() as conn:
        items = await deployments.items(conn, deployment_id, wanted, after, PAGE + 1)
        names = await people.names_in(conn, visitor.me.company_id)
        shown: dict[str, Any] = {
            "deployment": found,
            "items": items[:PAGE],
            "more": len(items) > PAGE,
            "state": wanted,
            "after": after,
            "outcomes": OUTCOMES,
            "names": names,
        }
        if found.row.confirmed_at is not None:
            return visitor.page("deployments/progress.html", **shown)
        effects = await _effects(conn, found, items[:PAGE])
    status = 409 if stale else 200
    return visitor.page(
        "deployments/warning.html", status=status, stale=stale, effects=effects, **shown
    )


async def _effects(conn: Connection, found: Deployment, items: list[ItemRow]) -> dict[UUID, Effect]:
    """Who gains and loses access in the companies of one page, as it is now: if that isn't what was
    proposed, the confirmation is refused."""
    now = await portals.situations(conn, [i.company_id for i in items])
    order = deployment.order_in(found.row)
    return {
        i.company_id: decide(now[i.company_id], order).effect if i.company_id in now else NOTHING
        for i in items
    }
