"""Customers and series."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Header
from pydantic import BaseModel, ConfigDict, Field

from services.billing import views
from services.billing.commands import customers as commands
from services.billing.commands import series as series_commands
from services.billing.commands.customers import CustomerState
from services.billing.context import Ctx
from shared.callers import Biller, InvoicesBiller, InvoicesWriter

router = APIRouter(prefix="/v1", tags=["customers"])


class NewSeries(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: Literal["invoice", "credit_note"] = "invoice"
    prefix: Annotated[str, Field(max_length=20, pattern=r"^[A-Za-z0-9/._-]*$")]
    width: Annotated[int, Field(ge=1, le=12)] = 6
    last_number: Annotated[int, Field(ge=0, le=10**11)] = 0


class Restart(BaseModel):
    model_config = ConfigDict(extra="forbid")

    last_number: Annotated[int, Field(ge=0, le=10**11)]


@router.put("/customers/{customer_id}", status_code=200)
async def put_customer(
    customer_id: UUID,
    body: CustomerState,
    caller: Biller,
    ctx: Ctx,
    if_match: Annotated[int | None, Header()] = None,
) -> dict[str, Any]:
    """Create a customer under the client's own id, or, with `If-Match: <version>`, change one."""
    if if_match is None:
        row = await commands.create_customer(ctx.db, caller, customer_id, body, ctx.clock)
    else:
        row = await commands.change_customer(ctx.db, caller, customer_id, body, if_match)
    ctx.issued()
    return views.customer_view(row)


@router.get("/customers")
async def list_customers(
    caller: Biller, ctx: Ctx, q: Annotated[str, Field(max_length=100)] = ""
) -> list[dict[str, Any]]:
    """Customers whose name holds `q`."""
    return await views.find_customers(ctx.db, caller.company_id, q)


@router.get("/customers/{customer_id}")
async def get_customer(customer_id: UUID, caller: Biller, ctx: Ctx) -> dict[str, Any]:
    """One customer."""
    return await views.customer(ctx.db, caller.company_id, customer_id)


@router.get("/series")
async def list_series(caller: InvoicesBiller, ctx: Ctx) -> list[dict[str, Any]]:
    """The company's series of numbers."""
    return await views.all_series(ctx.db, caller.company_id)


@router.post("/series", status_code=201)
async def create_series(body: NewSeries, caller: InvoicesWriter, ctx: Ctx) -> dict[str, Any]:
    """A series; its first number follows `last_number`."""
    row = await series_commands.create_series(
        ctx.db, caller, body.kind, body.prefix, body.width, body.last_number
    )
    return {"series_id": str(row.series_id), "prefix": row.prefix, "last_number": row.last_number}


@router.patch("/series/{series_id}")
async def restart_series(
    series_id: UUID, body: Restart, caller: InvoicesWriter, ctx: Ctx
) -> dict[str, Any]:
    """Go on after `last_number`."""
    row = await series_commands.restart_series(ctx.db, caller, series_id, body.last_number)
    return {"series_id": str(row.series_id), "prefix": row.prefix, "last_number": row.last_number}
