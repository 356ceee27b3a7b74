"""Accountants, support, who has access, API keys, erasure."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import Field

from services.identity import views
from services.identity.commands import api_keys, erasure, privacy
from services.identity.routes.person import Ctx, EnrolledPerson, From, SettledPerson
from services.identity.routes.sessions import Body, Name, Password
from services.identity.store import api_keys as key_store
from services.identity.store import privacy as store
from shared.callers import Caller
from shared.mailboxes import Email
from shared.problems import Unauthenticated

router = APIRouter(prefix="/v1", tags=["privacy"])


class Privacy(Body):
    support_access: bool
    require_two_factor: bool


class Accountant(Body):
    email: Email


class NewKey(Body):
    name: Name
    scopes: Annotated[list[Literal["read", "write"]], Field(min_length=1)]
    days: Annotated[int, Field(ge=1, le=730)] = 365
    password: Password
    """A key outlives the session that it is made in."""


@router.get("/companies/{company_id}/privacy")
async def get_privacy(company_id: UUID, caller: Caller, ctx: Ctx) -> dict[str, bool]:
    """The company's two switches."""
    privacy.require_owner(caller, company_id)
    async with ctx.db.system_transaction() as conn:
        row = await store.get(conn, company_id)
    return {
        "support_access": bool(row and row.support_access),
        "require_two_factor": bool(row and row.require_2fa),
    }


@router.put("/companies/{company_id}/privacy")
async def put_privacy(company_id: UUID, body: Privacy, caller: Caller, ctx: Ctx) -> dict[str, bool]:
    """Set both switches; owners only."""
    row = await privacy.change_privacy(
        ctx.db,
        caller,
        company_id,
        support_access=body.support_access,
        require_two_factor=body.require_two_factor,
        clock=ctx.clock,
    )
    return {"support_access": row.support_access, "require_two_factor": row.require_2fa}


@router.get("/companies/{company_id}/access-list")
async def access_list(company_id: UUID, caller: Caller, ctx: Ctx) -> list[dict[str, Any]]:
    """Who has access: internal and external, password strength, second factor; owners only."""
    privacy.require_owner(caller, company_id)
    async with ctx.db.transaction(company_id) as conn:
        rows = await store.access_list(conn, company_id)
    return [views.access_view(row) for row in rows]


@router.post("/companies/{company_id}/accountants", status_code=201)
async def add_accountant(
    company_id: UUID, body: Accountant, caller: Caller, ctx: Ctx
) -> dict[str, str]:
    """Give an existing accountant account full access to the file."""
    row = await privacy.add_accountant(ctx.db, caller, company_id, body.email)
    return {"user_id": str(row.user_id), "membership_id": str(row.membership_id)}


@router.post("/support/companies/{company_id}", status_code=201)
async def enter_as_support(
    company_id: UUID, caller: EnrolledPerson, origin: From, ctx: Ctx
) -> dict[str, str]:
    """Support staff open a file whose owner let them."""
    row = await privacy.enter_as_support(ctx.db, caller, company_id, origin.address)
    return {"company_id": str(row.company_id)}


@router.delete("/support/current", status_code=204)
async def leave_as_support(caller: EnrolledPerson, origin: From, ctx: Ctx) -> None:
    """Support staff leave the file they are in."""
    await privacy.leave_as_support(ctx.db, caller, origin.address, ctx.clock)


@router.get("/support/companies")
async def support_companies(
    caller: SettledPerson, ctx: Ctx, q: Annotated[str, Query(max_length=100)] = ""
) -> list[dict[str, Any]]:
    """The companies whose owners let support in, by name; for support staff."""
    found = await privacy.companies_open_to_support(ctx.db, caller, q.strip())
    return [{"company_id": str(c.company_id), "name": c.name, "inside": c.inside} for c in found]


@router.post("/api-keys", status_code=201)
async def create_key(body: NewKey, caller: SettledPerson, origin: From, ctx: Ctx) -> dict[str, Any]:
    """A key for a partner system, by the maker's password; `secret` is shown once."""
    row, secret = await api_keys.create_api_key(
        ctx.db, caller, body.name, list(body.scopes), body.days, body.password, origin, ctx.clock
    )
    return {**views.key_view(row), "secret": secret}


@router.get("/api-keys")
async def list_keys(caller: SettledPerson, ctx: Ctx) -> list[dict[str, Any]]:
    """The company's keys, without their secrets."""
    privacy.require_owner(caller, caller.company_id)
    async with ctx.db.transaction(caller.company_id) as conn:
        rows = await key_store.of_company(conn, caller.company_id)
    return [views.key_view(row) for row in rows]


@router.delete("/api-keys/{key_id}", status_code=204)
async def revoke_key(key_id: UUID, caller: SettledPerson, ctx: Ctx) -> None:
    """End a key and every token made with it."""
    await api_keys.revoke_api_key(ctx.db, caller, key_id, ctx.clock)


@router.post("/api-keys/token")
async def key_token(request: Request, ctx: Ctx) -> dict[str, Any]:
    """`Authorization: ApiKey <secret>` → a ten-minute access token."""
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "apikey" or not secret:
        raise Unauthenticated
    token = await api_keys.token_for_key(ctx.db, ctx.box, secret.strip(), ctx.clock)
    return {
        "access_token": token.access_token,
        "expires_at": token.expires_at,
        "company_id": str(token.company_id),
    }


@router.delete("/companies/{company_id}/users/{user_id}/data", status_code=204)
async def erase_user(company_id: UUID, user_id: UUID, caller: Caller, ctx: Ctx) -> None:
    """Erase a former user of the company (GDPR, Art. 17); invoices stay as the law keeps them."""
    await erasure.erase_person(ctx.db, caller, company_id, user_id, ctx.clock)
