"""Customers: two owners in one form. Reception settings go first, so that "none" stops everything."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import Response

from services.portal.routes.pages.ways import CHANNELS, shown_ways, ways_of
from services.portal.web.owners import MOST_LISTED
from services.portal.web.visitor import Biller, Visitor
from shared.digits import whole
from shared.ids import new_id
from shared.problems import Problem

router = APIRouter(include_in_schema=False)

FORM = "customers/form.html"
FIELDS = ("name", "registration_number", "vat_number", "email", "language", "peppol_id")
ADDRESS = ("line1", "line2", "postcode", "city", "country")


@router.get("/customers")
async def customers(visitor: Biller, q: Annotated[str, Query(max_length=100)] = "") -> Response:
    """Customers whose name holds `q`."""
    found = await visitor.get("billing", "/v1/customers", q=q.strip())
    return visitor.page("customers/list.html", customers=found, q=q, most=MOST_LISTED)


@router.get("/customers/new")
async def new_customer(visitor: Biller) -> Response:
    """An empty form; the customer's id is made here, so that sending twice makes one."""
    values = {"language": visitor.language, "address": {"country": ""}}
    return _form(visitor, new_id(), values, {}, version="")


@router.get("/customers/{customer_id}")
async def customer(customer_id: UUID, visitor: Biller) -> Response:
    values = await visitor.get("billing", f"/v1/customers/{customer_id}")
    try:
        reception = await visitor.get("delivery", f"/v1/receptions/{customer_id}")
        problem = None
    except Problem as refused:
        if refused.status not in (404, 503):
            raise
        reception, problem = {"ways": []}, refused if refused.status == 503 else None
    ways = shown_ways(reception["ways"])
    return _form(visitor, customer_id, values, ways, version=values["version"], problem=problem)


@router.post("/customers/{customer_id}")
async def save_customer(customer_id: UUID, visitor: Biller) -> Response:
    """Reception first, the customer after; a failure keeps the form and says what was saved."""
    values, version = _values(visitor), visitor.field("version")
    ways, wrong = ways_of(visitor)
    reception_saved = False
    try:
        await visitor.ask("delivery", "PUT", f"/v1/receptions/{customer_id}", json={"ways": ways})
        reception_saved = True
        body = {**values, "email": values["email"] or None}
        headers = {"If-Match": version} if version else {}
        path = f"/v1/customers/{customer_id}"
        await visitor.ask("billing", "PUT", path, json=body, headers=headers)
    except Problem as problem:
        return _form(
            visitor, customer_id, values, wrong, version=version, problem=problem,
            sent=[w["channel"] for w in ways], reception_saved=reception_saved,
        )  # fmt: skip
    return visitor.go("/customers", "saved")


def _values(visitor: Visitor) -> dict[str, Any]:
    address = {name: visitor.field(f"address.{name}") for name in ADDRESS}
    return {**{name: visitor.field(name) for name in FIELDS}, "address": address}


def _form(
    visitor: Visitor,
    customer_id: UUID,
    values: dict[str, Any],
    ways: dict[str, Any],
    *,
    version: object,
    problem: Problem | None = None,
    sent: list[str] | None = None,
    reception_saved: bool = False,
) -> Response:
    shown: dict[str, Any] = {
        "customer_id": customer_id,
        "values": values,
        "ways": ways,
        "channels": [c for c in CHANNELS if c != "peppol" or visitor.uses("peppol")],
        "version": version,
        "reception_saved": reception_saved,
    }
    if problem is None:
        return visitor.page(FORM, **shown)
    if problem.extra.get("errors"):
        for error in problem.extra["errors"]:
            error["field"] = _own_name(str(error.get("field", "")), sent or [])
    return visitor.refused(FORM, problem, **shown)


def _own_name(field: str, sent: list[str]) -> str:
    """`ways.1.settings.host` of the API is `sftp.host` of the form."""
    parts = field.split(".")
    way = whole(parts[1], len(sent) - 1) if sent and parts[0] == "ways" and len(parts) > 1 else None
    if way is not None:
        name = next((p for p in parts[2:] if p != "settings" and not p.isdecimal()), "")
        return f"{sent[way]}.{name}"
    return field
