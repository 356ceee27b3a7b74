"""Companies that a firm administers: list, search, choose some for an action."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from services.portal.store import portals
from services.portal.web.visitor import OfAFirm
from shared.access.rights import MASS_DEPLOYMENT

router = APIRouter(include_in_schema=False)

PAGE = 25


@router.get("/companies")
async def companies(
    visitor: OfAFirm,
    q: Annotated[str, Query(max_length=100)] = "",
    after: Annotated[str, Query(max_length=300)] = "",
    none: bool = False,
) -> Response:
    """One page of them by name; `none` says that an action was asked for without choosing any."""
    async with visitor.request.app.state.service.database.system_transaction() as conn:
        lines = await portals.companies_of_firm(
            conn, visitor.me.company_id, q.strip(), after, PAGE + 1
        )
    return visitor.page(
        "companies/list.html",
        lines=lines[:PAGE],
        more=len(lines) > PAGE,
        q=q,
        after=after,
        none=none,
        may_deploy=visitor.may(MASS_DEPLOYMENT),
    )
