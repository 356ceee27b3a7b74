"""Dashboards, from the portal's own read models: of a company that invoices, and of a firm."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from services.portal.store import companies, people, readmodels
from services.portal.store import dashboard as store
from services.portal.store.dashboard import ChannelLine
from services.portal.web import charts, formats
from services.portal.web.visitor import Biller, OfAFirm
from shared.database import Connection

router = APIRouter(include_in_schema=False)

RECENT = 8
DAYS = 30
STATES = ("delivered", "under_way", "parked", "attention", "cancelled")


@router.get("/dashboard")
async def dashboard(visitor: Biller) -> Response:
    """What a company issued in the last thirty days, and what became of it."""
    company, state = visitor.me.company_id, visitor.request.app.state
    async with state.service.database.transaction(company) as conn:
        pulse = (await store.pulses(conn, [company])).get(company, 0)
        shown = await _figures(conn, [company], state.clock())
        recent = await readmodels.recent_invoices(conn, company, RECENT)
        faces = await readmodels.deliveries_of(conn, company, [i.invoice_id for i in recent])
    by_invoice = {
        str(i.invoice_id): [f for f in faces if f.invoice_id == i.invoice_id] for i in recent
    }
    return visitor.page(
        "overview/dashboard.html", recent=recent, deliveries=by_invoice, pulse=pulse, **shown
    )


@router.get("/companies/overview")
async def overview(visitor: OfAFirm) -> Response:
    """How a firm's companies stand, and what they issued together."""
    firm, state = visitor.me.company_id, visitor.request.app.state
    async with state.service.database.system_transaction() as conn:
        pulse = (await store.firm_pulses(conn, [firm])).get(firm, 0)
        numbers = await companies.numbers(conn, firm)
        administered = [c for c in await people.companies_in(conn, None, firm) if c != firm]
        shown = await _figures(conn, administered, state.clock())
    return visitor.page("overview/firm.html", numbers=numbers, pulse=pulse, **shown)


async def _figures(conn: Connection, company_ids: list[UUID], now: Any) -> dict[str, Any]:
    found = await store.channels(conn, company_ids)
    longest = max((c.slowest for c in found if c.slowest is not None), default=None)
    counts = await store.by_day(conn, company_ids, str(formats.ZONE))
    return {
        "totals": await store.totals(conn, company_ids),
        "channels": found,
        "bars": {c.channel: charts.stacked(_standing(c)) for c in found},
        "spans": {
            c.channel: (charts.share(c.median, longest), charts.share(c.slowest, longest))
            for c in found
        },
        "days": charts.columns(counts, now.astimezone(formats.ZONE).date(), DAYS),
        "states": STATES,
    }


def _standing(line: ChannelLine) -> list[tuple[str, int]]:
    return [(name, getattr(line, name)) for name in STATES]
