"""Reception settings, deliveries, purchases."""

from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, StringConstraints

from services.delivery import views
from services.delivery.commands import receptions, resend
from services.delivery.commands.receptions import ReceptionBody
from services.delivery.context import Context, context
from services.delivery.domain.progress import DeliveryState
from services.delivery.store import received
from shared.callers import Biller, DocumentsKeeper, InvoicesBiller, PurchasesKeeper
from shared.problems import NotFound

router = APIRouter(prefix="/v1", tags=["delivery"])


Ctx = Annotated[Context, Depends(context)]


@router.put("/receptions/{customer_id}")
async def put_reception(
    customer_id: UUID, body: ReceptionBody, caller: Biller, ctx: Ctx
) -> dict[str, Any]:
    """Replace how a customer receives; at least one way (422). Peppol needs the app PEPPOL (403);
    to whoever hasn't got it a customer's Peppol way isn't shown, and stays."""
    rows = await receptions.set_reception(ctx.db, ctx.box, caller, customer_id, body, ctx.clock)
    ctx.planned()
    peppol = "peppol" in caller.apps
    return {"customer_id": str(customer_id), "ways": views.shown_ways(rows, peppol=peppol)}


@router.get("/receptions/{customer_id}")
async def get_reception(customer_id: UUID, caller: Biller, ctx: Ctx) -> dict[str, Any]:
    """How a customer receives; secrets aren't shown."""
    return await views.reception(
        ctx.db, caller.company_id, customer_id, peppol="peppol" in caller.apps
    )


@router.get("/deliveries")
async def list_deliveries(
    caller: InvoicesBiller,
    ctx: Ctx,
    response: Response,
    state: DeliveryState | None = None,
    invoice_id: UUID | None = None,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=views.PAGE)] = views.PAGE,
    parked: bool | None = None,
) -> list[dict[str, Any]]:
    """Deliveries with every attempt, newest first, a page at a time.

    `parked`: those alone that wait, due or of unknown outcome, until their peer's server works; or the rest.

    `after`: the last delivery of the page before; `Link: <…>; rel="next"` leads to the next one.
    """
    wanted = views.Wanted(state, invoice_id, after, limit, parked)
    found, more = await views.find_deliveries(ctx.db, caller.company_id, wanted)
    if more:
        asked = {"state": state, "invoice_id": invoice_id, "limit": limit, "parked": parked}
        query = {name: value for name, value in asked.items() if value is not None}
        query["after"] = found[-1]["delivery_id"]
        response.headers["Link"] = f'</v1/deliveries?{urlencode(query)}>; rel="next"'
    return found


@router.post("/deliveries/{delivery_id}/resend", status_code=201)
async def resend_delivery(delivery_id: UUID, caller: DocumentsKeeper, ctx: Ctx) -> dict[str, Any]:
    """Send again what is over, as a new delivery."""
    row = await resend.resend(
        ctx.db, caller.company_id, delivery_id, caller.actor, ctx.clock,
        peppol="peppol" in caller.apps,
    )  # fmt: skip
    ctx.planned()
    return views.delivery_view(row, [])


class ConfirmBody(BaseModel):
    """Why a person says so."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


@router.post("/deliveries/{delivery_id}/confirm")
async def confirm_delivery(
    delivery_id: UUID, body: ConfirmBody, caller: DocumentsKeeper, ctx: Ctx
) -> dict[str, str]:
    """A person knows that what nobody else can tell arrived: `undecided` becomes `delivered`."""
    invoice_id = await resend.confirm(
        ctx.db, caller.company_id, delivery_id, body.reason, caller.actor, ctx.clock
    )
    ctx.planned()
    return {"delivery_id": str(delivery_id), "invoice_id": str(invoice_id), "state": "delivered"}


@router.post("/deliveries/{delivery_id}/cancel")
async def cancel_delivery(delivery_id: UUID, caller: DocumentsKeeper, ctx: Ctx) -> dict[str, str]:
    """Don't deliver what isn't on its way yet."""
    invoice_id = await resend.cancel(ctx.db, caller.company_id, delivery_id, caller.actor)
    ctx.planned()
    return {"delivery_id": str(delivery_id), "invoice_id": str(invoice_id), "state": "cancelled"}


@router.get("/purchases")
async def list_purchases(
    caller: PurchasesKeeper, ctx: Ctx, state: Literal["accepted", "quarantined"] = "accepted"
) -> list[dict[str, Any]]:
    """Documents received from the network."""
    return await views.purchases(ctx.db, caller.company_id, state)


@router.get("/purchases/{document_id}/original")
async def get_purchase(document_id: UUID, caller: PurchasesKeeper, ctx: Ctx) -> Response:
    """A received document, as it came."""
    async with ctx.db.transaction(caller.company_id) as conn:
        xml = await received.content(conn, caller.company_id, document_id)
    if xml is None:
        raise NotFound
    return Response(xml, media_type="application/xml")
