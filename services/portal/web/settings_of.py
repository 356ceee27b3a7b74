"""The company whose settings a page shows: one's own, or one that one's firm administers."""

from typing import Any
from uuid import UUID

from services.portal.web.visitor import Visitor


async def company_of(visitor: Visitor, company_id: UUID) -> dict[str, Any]:
    """What the settings' pages have in common: the company, and whether it is one's own."""
    found = await visitor.get("identity", f"/v1/companies/{company_id}")
    return {
        "company_id": company_id,
        "company_name": found["company"]["name"],
        "company_kind": found["kind"],
        "own": company_id == visitor.me.company_id,
        "owner": company_id == visitor.me.company_id
        and (visitor.me.role, visitor.me.kind) == ("owner", "internal"),
    }
