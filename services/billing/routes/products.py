"""The catalogue. The app *Products* is always on: whoever reaches invoicing keeps it."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header
from pydantic import Field

from services.billing import views
from services.billing.commands import products as commands
from services.billing.commands.products import ProductState
from services.billing.context import Ctx
from shared.callers import Biller

router = APIRouter(prefix="/v1/products", tags=["products"])


@router.get("")
async def list_products(
    caller: Biller, ctx: Ctx, q: Annotated[str, Field(max_length=100)] = ""
) -> list[dict[str, Any]]:
    """Products on sale whose name or number holds `q`, by name."""
    return await views.find_products(ctx.db, caller.company_id, q)


@router.get("/{product_id}")
async def get_product(product_id: UUID, caller: Biller, ctx: Ctx) -> dict[str, Any]:
    """One product, also one that was taken away."""
    return await views.product(ctx.db, caller.company_id, product_id)


@router.put("/{product_id}", status_code=200)
async def put_product(
    product_id: UUID,
    body: ProductState,
    caller: Biller,
    ctx: Ctx,
    if_match: Annotated[int | None, Header()] = None,
) -> dict[str, Any]:
    """Create a product under the client's own id, or, with `If-Match: <version>`, change one."""
    if if_match is None:
        row = await commands.create_product(ctx.db, caller, product_id, body, ctx.clock)
    else:
        row = await commands.change_product(ctx.db, caller, product_id, body, if_match)
    ctx.issued()
    return views.product_view(row)


@router.delete("/{product_id}", status_code=204)
async def remove_product(product_id: UUID, caller: Biller, ctx: Ctx) -> None:
    """Take it out of the catalogue."""
    await commands.remove_product(ctx.db, caller, product_id)
    ctx.issued()
