"""Companies, their users and profiles."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import EmailStr, Field

from services.identity import views
from services.identity.commands import companies as company_commands
from services.identity.commands import members
from services.identity.context import Context, context
from services.identity.routes.sessions import Body, Language, Name
from services.identity.store import companies as store
from services.identity.store.users import UserRow
from shared.access.rights import ALL_RIGHTS, USER_MANAGEMENT
from shared.contracts.identity import Company
from shared.http import Caller
from shared.ids import new_id
from shared.problems import Forbidden, Invalid, NotFound

router = APIRouter(prefix="/v1", tags=["companies"])

Ctx = Annotated[Context, Depends(context)]
Role = Literal["owner", "employee"]


class NewUser(Body):
    email: EmailStr
    first_name: Name
    last_name: Name
    language: Language = "fr"
    role: Role
    profile_id: UUID | None = None
    apps: Annotated[list[str], Field(default_factory=list)]


class MemberChange(Body):
    role: Role | None = None
    profile_id: UUID | None = None
    rights: list[str] | None = None
    apps: list[str] | None = None


class ProfileBody(Body):
    name: Annotated[str, Field(min_length=1, max_length=60)]
    rights: list[str]


@router.post("/companies", status_code=201)
async def create_company(body: Company, caller: Caller, ctx: Ctx) -> dict[str, Any]:
    """Create a company that the caller's firm administers."""
    row = await company_commands.create_managed_company(ctx.db, caller, body, ctx.clock)
    return views.company_view(row)


@router.get("/companies")
async def list_companies(caller: Caller, ctx: Ctx) -> list[dict[str, Any]]:
    """The companies that the caller's firm administers."""
    if caller.company_kind != "firm":
        raise Forbidden("Only a firm administers other companies.")
    async with ctx.db.system_transaction() as conn:
        return [views.company_view(row) for row in await store.of_firm(conn, caller.company_id)]


@router.get("/companies/{company_id}")
async def get_company(company_id: UUID, caller: Caller, ctx: Ctx) -> dict[str, Any]:
    """A company: one's own, or one that one's firm administers."""
    async with ctx.db.system_transaction() as conn:
        row = await store.get(conn, company_id)
    if row is None or caller.company_id not in (row.company_id, row.firm_id):
        raise NotFound
    return views.company_view(row)


@router.put("/companies/{company_id}/legal-information")
async def put_legal(company_id: UUID, body: Company, caller: Caller, ctx: Ctx) -> dict[str, Any]:
    """Replace the legal information."""
    row = await company_commands.change_legal_information(ctx.db, caller, company_id, body)
    return views.company_view(row)


@router.get("/companies/{company_id}/users")
async def list_users(company_id: UUID, caller: Caller, ctx: Ctx) -> list[dict[str, Any]]:
    """The users of a company."""
    await _administered(ctx, caller, company_id)
    return await views.members_of(ctx.db, company_id)


@router.post("/companies/{company_id}/users", status_code=201)
async def create_user(company_id: UUID, body: NewUser, caller: Caller, ctx: Ctx) -> dict[str, Any]:
    """Create and attach a user; `invitation` is shown once, to be passed on to that person."""
    person = UserRow(new_id(), body.email, body.first_name, body.last_name, body.language, None)
    inviting = members.Inviting(
        ctx.settings.invitation_lifetime,
        ctx.settings.portal_url,
        ctx.settings.smtp is not None,
        ctx.box,
    )
    row, secret = await members.create_user(
        ctx.db,
        caller,
        company_id,
        person,
        body.role,
        body.profile_id,
        body.apps,
        ctx.clock,
        inviting,
    )
    return {**views.member_view(row, person), "invitation": secret}


@router.patch("/companies/{company_id}/users/{user_id}")
async def change_user(
    company_id: UUID, user_id: UUID, body: MemberChange, caller: Caller, ctx: Ctx
) -> dict[str, Any]:
    """Change role, profile, rights or apps; what is left out stays."""
    changes = body.model_dump(exclude_unset=True)
    _check_rights(changes.get("rights"))
    row = await members.change_member(ctx.db, caller, company_id, user_id, changes)
    return {
        "membership_id": str(row.membership_id),
        "version": row.version,
        "profile_id": row.profile_id,
        "role": row.role,
        "rights": row.rights,
        "apps": row.apps,
    }


@router.delete("/companies/{company_id}/users/{user_id}", status_code=204)
async def remove_user(company_id: UUID, user_id: UUID, caller: Caller, ctx: Ctx) -> None:
    """Take a user's access away."""
    await members.remove_member(ctx.db, caller, company_id, user_id)


@router.get("/companies/{company_id}/profiles")
async def list_profiles(company_id: UUID, caller: Caller, ctx: Ctx) -> list[dict[str, Any]]:
    """The profiles of a company."""
    await _administered(ctx, caller, company_id)
    return await views.profiles_of(ctx.db, company_id)


@router.post("/companies/{company_id}/profiles", status_code=201)
async def create_profile(
    company_id: UUID, body: ProfileBody, caller: Caller, ctx: Ctx
) -> dict[str, Any]:
    """Create a profile."""
    _check_rights(body.rights)
    row = await members.save_profile(ctx.db, caller, company_id, None, body.name, body.rights)
    return {"profile_id": str(row.profile_id), "name": row.name, "rights": row.rights}


@router.put("/companies/{company_id}/profiles/{profile_id}")
async def change_profile(
    company_id: UUID, profile_id: UUID, body: ProfileBody, caller: Caller, ctx: Ctx
) -> dict[str, Any]:
    """Rename a profile or change its rights."""
    _check_rights(body.rights)
    row = await members.save_profile(ctx.db, caller, company_id, profile_id, body.name, body.rights)
    return {"profile_id": str(row.profile_id), "name": row.name, "rights": row.rights}


async def _administered(ctx: Context, caller: Caller, company_id: UUID) -> None:
    async with ctx.db.system_transaction() as conn:
        company_commands.may_administer(await store.get(conn, company_id), caller, USER_MANAGEMENT)


def _check_rights(rights: list[str] | None) -> None:
    unknown = set(rights or []) - set(ALL_RIGHTS)
    if unknown:
        raise Invalid(
            errors=[{"field": "rights", "message": f"unknown: {', '.join(sorted(unknown))}"}]
        )
