"""Legal information of a company: one's own, or one that one's firm administers."""

from typing import Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from services.portal.web.session import safe_path
from services.portal.web.settings_of import company_of
from services.portal.web.visitor import OfAFirm, SignedIn, Visitor
from shared.problems import Problem

router = APIRouter(include_in_schema=False)

FIELDS = (
    "name", "legal_form", "share_capital", "registration_number", "vat_number", "email", "phone",
    "iban", "bic", "peppol_id",
)  # fmt: skip
ADDRESS = ("line1", "line2", "postcode", "city", "country")
TEMPLATE = "companies/legal.html"


def legal_of(visitor: Visitor) -> dict[str, Any]:
    """The legal information that a form holds, as identity's API wants it."""
    address = {name: visitor.field(f"address.{name}") for name in ADDRESS}
    return {**{name: visitor.field(name) for name in FIELDS}, "address": address}


@router.get("/companies/new")
async def new_company(visitor: OfAFirm) -> Response:
    """A company that the firm administers."""
    empty = {**dict.fromkeys(FIELDS, ""), "address": dict.fromkeys(ADDRESS, "")}
    return visitor.page(TEMPLATE, company=empty, company_id=None, missing=[], next="/companies")


@router.post("/companies/new")
async def create_company(visitor: OfAFirm) -> Response:
    legal = legal_of(visitor)
    try:
        await visitor.ask("identity", "POST", "/v1/companies", json=legal)
    except Problem as problem:
        return visitor.refused(
            TEMPLATE, problem, company=legal, company_id=None, missing=[], next="/companies"
        )
    return visitor.go("/companies", "created")


@router.get("/companies/{company_id}/legal-information")
async def legal_information(company_id: UUID, visitor: SignedIn, next: str = "") -> Response:  # noqa: A002
    found = await visitor.get("identity", f"/v1/companies/{company_id}")
    return visitor.page(
        TEMPLATE,
        **await company_of(visitor, company_id),
        company=found["company"],
        missing=found["missing_legal_fields"],
        next=_back(next),
    )


@router.post("/companies/{company_id}/legal-information")
async def change_legal_information(company_id: UUID, visitor: SignedIn) -> Response:
    """Replace it; fields that are filled in must be right."""
    legal, back = legal_of(visitor), _back(visitor.field("next"))
    path = f"/v1/companies/{company_id}/legal-information"
    try:
        saved = (await visitor.ask("identity", "PUT", path, json=legal)).json()
    except Problem as problem:
        return visitor.refused(
            TEMPLATE,
            problem,
            **await company_of(visitor, company_id),
            company=legal,
            missing=[],
            next=back,
        )
    if back and not saved["missing_legal_fields"]:
        return visitor.go(back, "saved")
    again = f"?next={quote(back, safe='')}" if back else ""
    return visitor.go(f"/companies/{company_id}/legal-information{again}", "saved")


def _back(wanted: str) -> str:
    """Where one wants to go on to once it is complete: a path of our own, or nowhere."""
    return safe_path(wanted) if wanted else ""
