"""Users of a company: list, create (the invitation is shown once), take access away."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from services.portal.web.visitor import SignedIn, Visitor
from shared.problems import Problem

router = APIRouter(include_in_schema=False)

APPS = ("invoices", "purchases", "peppol", "statistics")
NEW_USER = "companies/user_new.html"
FIELDS = ("email", "first_name", "last_name", "language", "role", "profile_id")


@router.get("/companies/{company_id}/users")
async def users(company_id: UUID, visitor: SignedIn) -> Response:
    return visitor.page(
        "companies/users.html", **await _company(visitor, company_id), invitation=""
    )


@router.get("/companies/{company_id}/users/new")
async def new_user(company_id: UUID, visitor: SignedIn) -> Response:
    known = await _company(visitor, company_id)
    values = {"role": "employee", "language": visitor.language, "apps": list(APPS)}
    return visitor.page(NEW_USER, **known, values=values)


@router.post("/companies/{company_id}/users/new")
async def create_user(company_id: UUID, visitor: SignedIn) -> Response:
    """Create and attach; the invitation link is shown to its creator, once."""
    values: dict[str, Any] = {name: visitor.field(name) for name in FIELDS}
    values["apps"] = [app for app in visitor.fields("apps") if app in APPS]
    body = {**values, "profile_id": values["profile_id"] or None}
    path = f"/v1/companies/{company_id}/users"
    try:
        created = (await visitor.ask("identity", "POST", path, json=body)).json()
    except Problem as problem:
        return visitor.refused(
            NEW_USER, problem, **await _company(visitor, company_id), values=values
        )
    if not created["invitation"]:
        return visitor.go(f"/companies/{company_id}/users", "user_attached")
    base = visitor.request.app.state.settings.public_url.rstrip("/")
    link = f"{base}/invitation/{created['invitation']}"
    known = await _company(visitor, company_id)
    return visitor.page(
        "companies/users.html",
        **known,
        invitation=link,
        invited=f"{values['first_name']} {values['last_name']}",
    )


@router.post("/companies/{company_id}/users/{user_id}/remove")
async def remove_user(company_id: UUID, user_id: UUID, visitor: SignedIn) -> Response:
    """Take a user's access away."""
    try:
        await visitor.ask("identity", "DELETE", f"/v1/companies/{company_id}/users/{user_id}")
    except Problem as problem:
        known = await _company(visitor, company_id)
        return visitor.refused("companies/users.html", problem, **known, invitation="")
    return visitor.go(f"/companies/{company_id}/users", "user_removed")


async def _company(visitor: Visitor, company_id: UUID) -> dict[str, Any]:
    company = await visitor.get("identity", f"/v1/companies/{company_id}")
    return {
        "company_id": company_id,
        "company_name": company["company"]["name"],
        "users": await visitor.get("identity", f"/v1/companies/{company_id}/users"),
        "profiles": await visitor.get("identity", f"/v1/companies/{company_id}/profiles"),
    }
