"""Support staff: into a file whose owner let them, and out of it again."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import Response

from services.portal.web import session
from services.portal.web.visitor import SignedIn
from shared.problems import NotFound, Problem

router = APIRouter(include_in_schema=False, prefix="/support")


@router.get("")
async def files(visitor: SignedIn, q: Annotated[str, Query(max_length=100)] = "") -> Response:
    """The companies whose owners let support in."""
    found = await visitor.get("identity", "/v1/support/companies", q=q)
    return visitor.page("support/files.html", companies=found, q=q)


@router.post("/enter")
async def enter(visitor: SignedIn) -> Response:
    try:
        company = UUID(visitor.field("company_id"))
    except ValueError as error:
        raise NotFound from error
    await visitor.ask("identity", "POST", f"/v1/support/companies/{company}")
    await session.open_company(visitor.request, visitor.session_secret, company)
    return visitor.go("/")


@router.post("/leave")
async def leave(visitor: SignedIn) -> Response:
    """Out of the file, back to one's own company."""
    await visitor.ask("identity", "DELETE", "/v1/support/current")
    try:
        await session.open_company(visitor.request, visitor.session_secret, None)
    except Problem:
        return visitor.go("/working-company")
    return visitor.go("/support", "support_left")
