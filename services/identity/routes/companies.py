"""Companies and their legal information."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter

from services.identity import views
from services.identity.commands import companies as company_commands
from services.identity.routes.person import Ctx
from services.identity.routes.sessions import Body, LegalBody
from services.identity.store import companies as store
from shared.access.rights import AppName
from shared.callers import Caller
from shared.problems import Forbidden, NotFound

router = APIRouter(prefix="/v1", tags=["companies"])


class Apps(Body):
    apps: list[AppName]


@router.post("/companies", status_code=201)
async def create_company(body: LegalBody, caller: Caller, ctx: Ctx) -> dict[str, Any]:
    """Create a company that the caller's firm administers."""
    row = await company_commands.create_managed_company(ctx.db, caller, body, ctx.clock)
    return views.company_view(row)


@router.get("/companies")
async def list_companies(caller: Caller, ctx: Ctx) -> list[dict[str, Any]]:
    """The companies that the caller's firm administers."""
    if not caller.of_firm:
        raise Forbidden("Only a firm administers other companies.")
    async with ctx.db.system_transaction() as conn:
        return [views.company_view(row) for row in await store.of_firm(conn, caller.company_id)]


@router.get("/companies/{company_id}")
async def get_company(company_id: UUID, caller: Caller, ctx: Ctx) -> dict[str, Any]:
    """A company: one's own, or one that one's firm administers."""
    async with ctx.db.system_transaction() as conn:
        row = await store.get(conn, company_id)
    if row is None or not company_commands.reaches(row, caller):
        raise NotFound
    return views.company_view(row)


@router.put("/companies/{company_id}/legal-information")
async def put_legal(company_id: UUID, body: LegalBody, caller: Caller, ctx: Ctx) -> dict[str, Any]:
    """Replace the legal information."""
    row = await company_commands.change_legal_information(ctx.db, caller, company_id, body)
    return views.company_view(row)


@router.put("/companies/{company_id}/apps")
async def put_apps(company_id: UUID, body: Apps, caller: Caller, ctx: Ctx) -> dict[str, Any]:
    """Switch apps on and off for the whole company; customers and products are always on."""
    row = await company_commands.change_apps(ctx.db, caller, company_id, list(body.apps))
    return views.company_view(row)
