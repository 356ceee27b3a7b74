"""The stream that tells an open page of a document that its timeline has changed."""

from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response, StreamingResponse

from services.portal.live import Live
from services.portal.store import readmodels
from services.portal.web.visitor import Biller
from shared.problems import NotFound

router = APIRouter(include_in_schema=False)


@router.get("/invoices/{invoice_id}/events")
async def events(invoice_id: UUID, visitor: Biller, seen: int = 0) -> Response:
    """`changed` for every change after the `seen` entries that the page shows."""
    company = visitor.me.company_id
    async with visitor.request.app.state.service.database.transaction(company) as conn:
        entries = await readmodels.newest_change(conn, company, invoice_id)
        known = await readmodels.invoice(conn, company, invoice_id)
    if known is None and entries == 0:
        # just issued and not heard of yet, or somebody else's: billing knows whose it is
        await visitor.get("billing", f"/v1/invoices/{invoice_id}")
    live: Live = visitor.request.app.state.live
    if live.closing:
        raise NotFound
    stream = live.watch(visitor.token, invoice_id, seen)
    return StreamingResponse(
        stream, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
    )
