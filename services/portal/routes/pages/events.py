"""The streams that tell an open page that what it shows has changed."""

from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response, StreamingResponse

from services.portal.commands import deployment
from services.portal.live import Live, Subject
from services.portal.store import readmodels
from services.portal.web.visitor import Biller, Deployer, OfAFirm, Visitor
from shared.problems import NotFound

router = APIRouter(include_in_schema=False)


@router.get("/invoices/{invoice_id}/events")
async def of_an_invoice(invoice_id: UUID, visitor: Biller, seen: int = 0) -> Response:
    """`changed` for every change after the `seen` entries that the page shows."""
    company = visitor.me.company_id
    async with visitor.request.app.state.service.database.transaction(company) as conn:
        entries = await readmodels.newest_change(conn, company, invoice_id)
        known = await readmodels.invoice(conn, company, invoice_id)
    if known is None and entries == 0:
        # just issued and not heard of yet, or somebody else's: billing knows whose it is
        await visitor.get("billing", f"/v1/invoices/{invoice_id}")
    return stream(visitor, Subject("timeline", invoice_id), seen)


@router.get("/dashboard/events")
async def of_a_company(visitor: Biller, seen: int = 0) -> Response:
    """`changed` for everything that the dashboard shows."""
    return stream(visitor, Subject("company", visitor.me.company_id), seen)


@router.get("/companies/overview/events")
async def of_a_firm(visitor: OfAFirm, seen: int = 0) -> Response:
    """The same for all companies of a firm."""
    return stream(visitor, Subject("firm", visitor.me.company_id), seen)


@router.get("/companies/portal/deployments/{deployment_id}/events")
async def of_a_deployment(deployment_id: UUID, visitor: Deployer, seen: int = 0) -> Response:
    """`changed` for everything that happens to a deployment."""
    await deployment.look(visitor.request.app.state.service.database, visitor.me, deployment_id)
    return stream(visitor, Subject("deployment", deployment_id), seen)


def stream(visitor: Visitor, subject: Subject, seen: int) -> Response:
    """A text/event-stream about something that this visitor may see."""
    live: Live = visitor.request.app.state.live
    if live.closing:
        raise NotFound
    lines = live.watch(visitor.token, subject, seen)
    return StreamingResponse(
        lines, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
    )
