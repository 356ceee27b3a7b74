"""Deliveries by state, purchases."""

import asyncio
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from services.portal.domain.timeline import OVER
from services.portal.store import readmodels
from services.portal.web.owners import MOST_LISTED
from services.portal.web.visitor import Biller

router = APIRouter(include_in_schema=False)

PAGE = 50

STATES = (
    "delivered",
    "due",
    "waiting",
    "parked",
    "unknown",
    "exhausted",
    "refused",
    "undecided",
    "bounced",
    "cancelled",
)


@router.get("/deliveries")
async def deliveries(visitor: Biller, state: str = "", after: UUID | None = None) -> Response:
    """Deliveries with their last words, all or in one state, a page at a time."""
    chosen = state if state in STATES else ""
    asked = {"limit": str(PAGE), "state": chosen, "after": str(after or "")}
    if chosen == "parked":  # the owner's word for the state of the rest: due, or unknown
        asked |= {"state": "", "parked": "true"}
    given = {name: value for name, value in asked.items() if value}
    answer = await visitor.ask("delivery", "GET", "/v1/deliveries", params=given)
    found = answer.json()
    company = visitor.me.company_id
    ids = list({UUID(d["invoice_id"]) for d in found})
    async with visitor.request.app.state.service.database.transaction(company) as conn:
        numbers = await readmodels.numbers_of(conn, company, ids)
    return visitor.page(
        "overview/deliveries.html",
        deliveries=found, numbers=numbers, state=chosen, states=STATES, over=OVER,
        after=after, more="next" in answer.links,
    )  # fmt: skip


@router.get("/purchases")
async def purchases(visitor: Biller) -> Response:
    """What arrived over Peppol; what the rules refuse is quarantined and shown apart."""
    accepted, quarantined = await asyncio.gather(
        visitor.get("delivery", "/v1/purchases"),
        visitor.get("delivery", "/v1/purchases", state="quarantined"),
    )
    return visitor.page(
        "overview/purchases.html", accepted=accepted, quarantined=quarantined, most=MOST_LISTED
    )


@router.get("/purchases/{document_id}/original")
async def purchase(document_id: UUID, visitor: Biller) -> Response:
    """A received document, as it came, as a file."""
    answer = await visitor.ask("delivery", "GET", f"/v1/purchases/{document_id}/original")
    named = {"Content-Disposition": f'attachment; filename="{document_id}.xml"'}
    return Response(answer.content, media_type="application/xml", headers=named)
