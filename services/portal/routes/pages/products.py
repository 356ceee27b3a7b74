"""The catalogue of products, from which documents take their lines."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import Response

from services.portal.domain import writing
from services.portal.routes.pages.rates import rates_of
from services.portal.web.owners import MOST_LISTED
from services.portal.web.visitor import Biller, Visitor
from shared.ids import new_id
from shared.problems import Problem

router = APIRouter(include_in_schema=False)

FORM = "products/form.html"


@router.get("/products")
async def products(visitor: Biller, q: Annotated[str, Query(max_length=100)] = "") -> Response:
    """Products whose name or number holds `q`."""
    found = await visitor.get("billing", "/v1/products", q=q.strip())
    return visitor.page("products/list.html", products=found, q=q, most=MOST_LISTED)


@router.get("/products/new")
async def new_product(visitor: Biller) -> Response:
    """An empty form; the product's id is made here, so that sending twice makes one."""
    return await _form(visitor, new_id(), {}, version="")


@router.get("/products/{product_id}")
async def product(product_id: UUID, visitor: Biller) -> Response:
    """One product, also one that was taken away: saving it puts it back."""
    found = await visitor.get("billing", f"/v1/products/{product_id}")
    values = {**found, "vat": writing.vat_choice(found["vat"])}
    return await _form(visitor, product_id, values, version=found["version"])


@router.post("/products/{product_id}")
async def save_product(product_id: UUID, visitor: Biller) -> Response:
    names = ("name", "number", "description", "unit", "price", "vat")
    values: dict[str, Any] = {name: visitor.field(name) for name in names}
    version = visitor.field("version")
    body = {
        "name": values["name"],
        "number": values["number"] or None,
        "description": values["description"] or None,
        "unit": values["unit"] or "C62",
        "price": writing.plain_number(values["price"]),
        "vat": writing.vat_of(values["vat"]),
    }
    headers = {"If-Match": version} if version else {}
    try:
        path = f"/v1/products/{product_id}"
        await visitor.ask("billing", "PUT", path, json=body, headers=headers)
    except Problem as problem:
        for error in problem.extra.get("errors") or []:
            error["field"] = str(error.get("field", "")).partition(".")[0]
        return await _form(visitor, product_id, values, version=version, problem=problem)
    return visitor.go("/products", "saved")


@router.post("/products/{product_id}/remove")
async def remove_product(product_id: UUID, visitor: Biller) -> Response:
    """Documents that were written with it keep what they say."""
    await visitor.ask("billing", "DELETE", f"/v1/products/{product_id}")
    return visitor.go("/products", "product_removed")


async def _form(
    visitor: Visitor,
    product_id: UUID,
    values: dict[str, Any],
    *,
    version: object,
    problem: Problem | None = None,
) -> Response:
    rates = await rates_of(visitor)
    used, unit = values.get("vat") or rates[0], values.get("unit") or "C62"
    shown: dict[str, Any] = {
        "product_id": product_id,
        "values": {**values, "vat": used, "unit": unit},
        "version": version,
        "rates": rates if used in rates else [*rates, used],
        "units": writing.UNITS if unit in writing.UNITS else [*writing.UNITS, unit],
    }
    if problem is None:
        return visitor.page(FORM, **shown)
    return visitor.refused(FORM, problem, **shown)
