"""Users of a company: list, create, change, take access away; accountants; former users."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from services.portal.web.settings_of import company_of
from services.portal.web.visitor import SignedIn, Visitor
from shared.access.rights import ALL_RIGHTS, MASS_DEPLOYMENT
from shared.problems import NotFound, Problem

router = APIRouter(include_in_schema=False, prefix="/companies/{company_id}/users")

APPS = ("invoices", "purchases", "peppol", "statistics")
USERS = "companies/users.html"
NEW_USER = "companies/user_new.html"
EDIT_USER = "companies/user_edit.html"
FIELDS = ("email", "first_name", "last_name", "language", "role", "profile_id")


@router.get("")
async def users(company_id: UUID, visitor: SignedIn) -> Response:
    return await _list(visitor, company_id)


@router.get("/new")
async def new_user(company_id: UUID, visitor: SignedIn) -> Response:
    values = {"role": "employee", "language": visitor.language, "apps": list(APPS)}
    return visitor.page(NEW_USER, **await _form(visitor, company_id), values=values)


@router.post("/new")
async def create_user(company_id: UUID, visitor: SignedIn) -> Response:
    """Create and attach; the invitation goes by mail, or is shown once where there is none."""
    values: dict[str, Any] = {name: visitor.field(name) for name in FIELDS}
    values["apps"] = _apps(visitor)
    body = {**values, "profile_id": values["profile_id"] or None}
    path = f"/v1/companies/{company_id}/users"
    try:
        created = (await visitor.ask("identity", "POST", path, json=body)).json()
    except Problem as problem:
        known = await _form(visitor, company_id)
        return visitor.refused(NEW_USER, problem, **known, values=values)
    if created["invitation"]:
        name = f"{values['first_name']} {values['last_name']}"
        return await _list(visitor, company_id, secret=created["invitation"], invited=name)
    return visitor.go(f"/companies/{company_id}/users", "user_invited")


@router.post("/external")
async def add_accountant(company_id: UUID, visitor: SignedIn) -> Response:
    """Full access for an existing accountant's account."""
    path, email = f"/v1/companies/{company_id}/accountants", visitor.field("email")
    try:
        await visitor.ask("identity", "POST", path, json={"email": email})
    except Problem as problem:
        return await _list(visitor, company_id, problem, external_email=email)
    return visitor.go(f"/companies/{company_id}/users", "external_added")


@router.get("/{user_id}")
async def edit_user(company_id: UUID, user_id: UUID, visitor: SignedIn) -> Response:
    return await _edit(visitor, company_id, user_id)


@router.post("/{user_id}")
async def change_user(company_id: UUID, user_id: UUID, visitor: SignedIn) -> Response:
    """Role, profile, apps, rights; rights that one can't grant stay as they are."""
    before = await _member(visitor, company_id, user_id)
    ticked = {right for right in visitor.fields("rights") if right in ALL_RIGHTS}
    kept = set(before["rights"]) - set(visitor.me.rights)
    role = visitor.field("role")
    changes: dict[str, Any] = {
        "role": role,
        "profile_id": visitor.field("profile_id") or None,
        "apps": _apps(visitor),
    }
    if role != "owner":
        changes["rights"] = [r for r in ALL_RIGHTS if r in ticked | kept]
    path = f"/v1/companies/{company_id}/users/{user_id}"
    try:
        await visitor.ask("identity", "PATCH", path, json=changes)
    except Problem as problem:
        return await _edit(visitor, company_id, user_id, problem, {**before, **changes})
    return visitor.go(f"/companies/{company_id}/users", "user_saved")


@router.post("/{user_id}/remove")
async def remove_user(company_id: UUID, user_id: UUID, visitor: SignedIn) -> Response:
    """Take a user's access away."""
    try:
        await visitor.ask("identity", "DELETE", f"/v1/companies/{company_id}/users/{user_id}")
    except Problem as problem:
        return await _list(visitor, company_id, problem)
    return visitor.go(f"/companies/{company_id}/users", "user_removed")


@router.post("/{user_id}/invitation")
async def invite_again(company_id: UUID, user_id: UUID, visitor: SignedIn) -> Response:
    """Another invitation; the one before is void."""
    path = f"/v1/companies/{company_id}/users/{user_id}"
    try:
        answer = await visitor.ask("identity", "POST", f"{path}/invitation")
    except Problem as problem:
        return await _list(visitor, company_id, problem)
    if secret := answer.json()["invitation"]:
        member = await _member(visitor, company_id, user_id)
        name = f"{member['first_name']} {member['last_name']}"
        return await _list(visitor, company_id, secret=secret, invited=name)
    return visitor.go(f"/companies/{company_id}/users", "invited_again")


@router.post("/{user_id}/erase")
async def erase_user(company_id: UUID, user_id: UUID, visitor: SignedIn) -> Response:
    """Erase a former user's personal data; the box says that one means it."""
    if visitor.field("sure") != "on":
        return await _list(visitor, company_id)
    path = f"/v1/companies/{company_id}/users/{user_id}/data"
    try:
        await visitor.ask("identity", "DELETE", path)
    except Problem as problem:
        return await _list(visitor, company_id, problem)
    return visitor.go(f"/companies/{company_id}/users", "erased")


async def _list(
    visitor: Visitor,
    company_id: UUID,
    problem: Problem | None = None,
    *,
    secret: str = "",
    invited: str = "",
    external_email: str = "",
) -> Response:
    known = await _form(visitor, company_id)
    people = await visitor.get("identity", f"/v1/companies/{company_id}/users")
    former = await visitor.get("identity", f"/v1/companies/{company_id}/users", former="true")
    base = visitor.request.app.state.settings.public_url.rstrip("/")
    values = {
        **known,
        "users": [u for u in people if u["kind"] == "internal"],
        "external": [u for u in people if u["kind"] != "internal"],
        "former": [u for u in former if u["kind"] == "internal"],
        "seats": await visitor.get("identity", f"/v1/companies/{company_id}/seats"),
        "invitation": f"{base}/invitation/{secret}" if secret else "",
        "invited": invited,
        "external_email": external_email,
    }
    if problem is not None:
        return visitor.refused(USERS, problem, **values)
    return visitor.page(USERS, **values)


async def _edit(
    visitor: Visitor,
    company_id: UUID,
    user_id: UUID,
    problem: Problem | None = None,
    values: dict[str, Any] | None = None,
) -> Response:
    member = await _member(visitor, company_id, user_id)
    known = await _form(visitor, company_id)
    rights = [r for r in ALL_RIGHTS if known["company_kind"] == "firm" or r != MASS_DEPLOYMENT]
    shown = {**known, "member": member, "values": values or member, "rights": rights}
    if problem is not None:
        return visitor.refused(EDIT_USER, problem, **shown)
    return visitor.page(EDIT_USER, **shown)


async def _member(visitor: Visitor, company_id: UUID, user_id: UUID) -> dict[str, Any]:
    if user_id == visitor.me.user_id:
        raise NotFound
    people = await visitor.get("identity", f"/v1/companies/{company_id}/users")
    found = next((u for u in people if u["user_id"] == str(user_id)), None)
    if found is None or found["kind"] != "internal":
        raise NotFound
    return dict(found)


async def _form(visitor: Visitor, company_id: UUID) -> dict[str, Any]:
    profiles = await visitor.get("identity", f"/v1/companies/{company_id}/profiles")
    return {**await company_of(visitor, company_id), "profiles": profiles}


def _apps(visitor: Visitor) -> list[str]:
    return [app for app in visitor.fields("apps") if app in APPS]
