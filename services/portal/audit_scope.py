"""Whose actions somebody may look at: with the right *audit*, of the own company; in a firm, of the
firm and the companies that it administers."""

from uuid import UUID

from services.portal.store import people, portals
from services.portal.store.audit import Filter
from shared.access.guard import Principal
from shared.access.rights import AUDIT
from shared.database import Database
from shared.problems import NotFound


async def scope_of(db: Database, caller: Principal, company_id: UUID | None) -> Filter:
    """A filter of everything that may be seen: of one company, or (None) of all there are for the
    caller. NotFound for another's company, Forbidden without the right."""
    firm = caller.company_id if caller.of_firm else None
    async with db.system_transaction() as conn:
        if company_id is not None and company_id != caller.company_id:
            found = await portals.situation(conn, company_id)
            if found is None or firm is None or found.firm_id != firm:
                raise NotFound
        caller.require(AUDIT)
        whose = company_id or caller.company_id
        actors = await people.actors_in(conn, whose)
    if company_id is None and firm is not None:
        return Filter(firm_id=firm, people=actors)
    return Filter(company_id=whose, people=actors)
