"""Users of a company, invitations, seats, profiles."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from services.identity import views
from services.identity.commands import companies as company_commands
from services.identity.commands import members, profiles
from services.identity.commands.invitations import Inviting
from services.identity.context import Context
from services.identity.routes.person import Ctx
from services.identity.routes.sessions import Body, Language, Name
from services.identity.store import companies as store
from services.identity.store import privacy
from services.identity.store.profiles import ProfileRow
from services.identity.store.users import UserRow
from shared.access.rights import ALL_RIGHTS, APPS, USER_MANAGEMENT
from shared.callers import Caller
from shared.ids import new_id
from shared.mailboxes import Email
from shared.problems import Invalid

router = APIRouter(prefix="/v1/companies/{company_id}", tags=["users"])

Role = Literal["owner", "employee"]


class NewUser(Body):
    email: Email
    first_name: Name
    last_name: Name
    language: Language = "fr"
    role: Role
    profile_id: UUID | None = None
    apps: Annotated[list[str], Field(default_factory=lambda: list(APPS))]
    """Left out: all."""


class MemberChange(Body):
    role: Role | None = None
    profile_id: UUID | None = None
    rights: list[str] | None = None
    apps: list[str] | None = None


class ProfileBody(Body):
    name: Annotated[str, Field(min_length=1, max_length=60)]
    rights: list[str]


@router.get("/users")
async def list_users(
    company_id: UUID, caller: Caller, ctx: Ctx, former: bool = False
) -> list[dict[str, Any]]:
    """The users of a company, or (`former`) those who were and aren't erased."""
    await _administered(ctx, caller, company_id)
    return await views.members_of(ctx.db, company_id, ctx.clock, former=former)


@router.post("/users", status_code=201)
async def create_user(company_id: UUID, body: NewUser, caller: Caller, ctx: Ctx) -> dict[str, Any]:
    """Invite a user; he is one once he accepts. `invitation` holds the secret only where no mail
    server is configured, null otherwise."""
    person = UserRow(new_id(), body.email, body.first_name, body.last_name, body.language, None)
    row, secret = await members.create_user(
        ctx.db, caller, company_id, person, body.role, body.profile_id, body.apps, ctx.clock,
        _inviting(ctx),
    )  # fmt: skip
    return {**views.member_view(row.membership, person), "invitation": secret, "invited": True}


@router.patch("/users/{user_id}")
async def change_user(
    company_id: UUID, user_id: UUID, body: MemberChange, caller: Caller, ctx: Ctx
) -> dict[str, Any]:
    """Change role, profile, rights or apps; what is left out stays."""
    changes = body.model_dump(exclude_unset=True)
    nothing = [name for name, value in changes.items() if value is None and name != "profile_id"]
    if nothing:
        raise Invalid(errors=[{"field": name, "message": "must be filled in"} for name in nothing])
    if "rights" in changes:
        changes["rights"] = _known(changes["rights"])
    row = await members.change_member(ctx.db, caller, company_id, user_id, changes)
    return {
        "membership_id": str(row.membership_id),
        "version": row.version,
        "profile_id": row.profile_id,
        "role": row.role,
        "rights": row.rights,
        "apps": row.apps,
    }


@router.delete("/users/{user_id}", status_code=204)
async def remove_user(company_id: UUID, user_id: UUID, caller: Caller, ctx: Ctx) -> None:
    """Take a user's access away."""
    await members.remove_member(ctx.db, caller, company_id, user_id, ctx.clock)


@router.post("/users/{user_id}/invitation")
async def invite_again(
    company_id: UUID, user_id: UUID, caller: Caller, ctx: Ctx
) -> dict[str, str | None]:
    """Another invitation; the one before is void."""
    secret = await members.invite_again(
        ctx.db, caller, company_id, user_id, _inviting(ctx), ctx.clock
    )
    return {"invitation": secret}


@router.get("/seats")
async def seats(company_id: UUID, caller: Caller, ctx: Ctx) -> dict[str, int | None]:
    """Users of the plan: in use, and how many there may be (null: no limit)."""
    await _administered(ctx, caller, company_id)
    async with ctx.db.transaction(company_id) as conn:
        found = await privacy.seats(conn, company_id)
    return {"used": found.used, "allowed": found.allowed}


@router.get("/profiles")
async def list_profiles(company_id: UUID, caller: Caller, ctx: Ctx) -> list[dict[str, Any]]:
    """The profiles of a company."""
    await _administered(ctx, caller, company_id)
    return await views.profiles_of(ctx.db, company_id)


@router.post("/profiles", status_code=201)
async def create_profile(
    company_id: UUID, body: ProfileBody, caller: Caller, ctx: Ctx
) -> dict[str, Any]:
    """Create a profile."""
    rights = _known(body.rights)
    row = await profiles.save_profile(ctx.db, caller, company_id, None, body.name, rights)
    return _profile(row)


@router.put("/profiles/{profile_id}")
async def change_profile(
    company_id: UUID, profile_id: UUID, body: ProfileBody, caller: Caller, ctx: Ctx
) -> dict[str, Any]:
    """Rename a profile or change its rights."""
    rights = _known(body.rights)
    row = await profiles.save_profile(ctx.db, caller, company_id, profile_id, body.name, rights)
    return _profile(row)


@router.delete("/profiles/{profile_id}", status_code=204)
async def remove_profile(company_id: UUID, profile_id: UUID, caller: Caller, ctx: Ctx) -> None:
    """Take a profile away that nobody has."""
    await profiles.remove_profile(ctx.db, caller, company_id, profile_id)


def _profile(row: ProfileRow) -> dict[str, Any]:
    return {"profile_id": str(row.profile_id), "name": row.name, "rights": row.rights}


def _inviting(ctx: Context) -> Inviting:
    settings = ctx.settings
    return Inviting(
        settings.invitation_lifetime, settings.portal_url, settings.smtp is not None, ctx.box
    )


async def _administered(ctx: Context, caller: Caller, company_id: UUID) -> None:
    async with ctx.db.system_transaction() as conn:
        company_commands.may_administer(await store.get(conn, company_id), caller, USER_MANAGEMENT)


def _known(rights: list[str]) -> list[str]:
    """Each right once, however often it was sent: every service keeps them. Invalid for others."""
    unknown = set(rights) - set(ALL_RIGHTS)
    if unknown:
        raise Invalid(
            errors=[{"field": "rights", "message": f"unknown: {', '.join(sorted(unknown))}"}]
        )
    return [right for right in ALL_RIGHTS if right in rights]
