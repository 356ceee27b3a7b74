"""The VAT that a form offers."""

from services.portal.domain import writing
from services.portal.store import people
from services.portal.web.visitor import Visitor


async def rates_of(visitor: Visitor) -> list[str]:
    """The choices (`S:21`), those of the company's country first."""
    async with visitor.request.app.state.service.database.system_transaction() as conn:
        return writing.rates_for(await people.country_of(conn, visitor.me.company_id))
