"""Companies that a firm administers: found, filtered, chosen for an action."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import Response

from services.portal.store import companies as store
from services.portal.store.companies import STATES, CompanyFilter, State
from services.portal.web.visitor import OfAFirm
from shared.access.rights import MASS_DEPLOYMENT

router = APIRouter(include_in_schema=False)

SIZES = (25, 100)


@router.get("/companies")
async def companies(
    visitor: OfAFirm,
    q: Annotated[str, Query(max_length=100)] = "",
    state: str = "",
    after: UUID | None = None,
    size: int = SIZES[0],
    none: bool = False,
) -> Response:
    """One page of them by name; `none` says that an action was asked for without choosing any."""
    chosen: State = next((s for s in STATES if s == state), "")
    wanted, firm = CompanyFilter(q, chosen), visitor.me.company_id
    length = size if size in SIZES else SIZES[0]
    async with visitor.request.app.state.service.database.system_transaction() as conn:
        lines = await store.page(conn, firm, wanted, after, length + 1)
        count = await store.count(conn, firm, wanted)
    return visitor.page(
        "companies/list.html",
        lines=lines[:length],
        more=len(lines) > length,
        count=count,
        q=q,
        state=chosen,
        states=STATES,
        size=length,
        sizes=SIZES,
        after=after,
        none=none,
        may_deploy=visitor.may(MASS_DEPLOYMENT),
    )
