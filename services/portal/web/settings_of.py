"""The company whose settings a page shows: one's own, or one that one's firm administers."""

from typing import Any
from uuid import UUID

from services.portal.web.visitor import Visitor
from shared.problems import Forbidden, NotFound


async def company_of(visitor: Visitor, company_id: UUID) -> dict[str, Any]:
    """What the settings' pages have in common: the company, and whether it is one's own."""
    found = await visitor.get("identity", f"/v1/companies/{company_id}")
    return {
        "company_id": company_id,
        "company_name": found["company"]["name"],
        "company_kind": found["kind"],
        "firm_id": found["firm_id"],
        "own": company_id == visitor.me.company_id,
        "owner": company_id == visitor.me.company_id
        and (visitor.me.role, visitor.me.kind) == ("owner", "internal"),
    }


async def owned(visitor: Visitor, company_id: UUID) -> dict[str, Any]:
    """The company, for its owners; for its other people 403, for everybody else it doesn't exist."""
    known = await company_of(visitor, company_id)
    if not known["own"]:
        raise NotFound
    if not known["owner"]:
        raise Forbidden(slug="owners-only")
    return known
