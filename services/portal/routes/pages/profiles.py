"""Profiles: the company's own named sets of rights."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from services.portal.web.settings_of import company_of
from services.portal.web.visitor import SignedIn, Visitor
from shared.access.rights import ALL_RIGHTS, MASS_DEPLOYMENT
from shared.problems import NotFound, Problem

router = APIRouter(include_in_schema=False, prefix="/companies/{company_id}/profiles")

FORM = "companies/profile.html"


@router.get("")
async def profiles(company_id: UUID, visitor: SignedIn) -> Response:
    return await _list(visitor, company_id)


@router.get("/new")
async def new_profile(company_id: UUID, visitor: SignedIn) -> Response:
    return visitor.page(FORM, **await _form(visitor, company_id, None))


@router.post("/new")
async def create_profile(company_id: UUID, visitor: SignedIn) -> Response:
    return await _save(visitor, company_id, None)


@router.get("/{profile_id}")
async def edit_profile(company_id: UUID, profile_id: UUID, visitor: SignedIn) -> Response:
    return visitor.page(FORM, **await _form(visitor, company_id, profile_id))


@router.post("/{profile_id}")
async def change_profile(company_id: UUID, profile_id: UUID, visitor: SignedIn) -> Response:
    return await _save(visitor, company_id, profile_id)


@router.post("/{profile_id}/remove")
async def remove_profile(company_id: UUID, profile_id: UUID, visitor: SignedIn) -> Response:
    path = f"/v1/companies/{company_id}/profiles/{profile_id}"
    try:
        await visitor.ask("identity", "DELETE", path)
    except Problem as problem:
        return await _list(visitor, company_id, problem)
    return visitor.go(f"/companies/{company_id}/profiles", "profile_removed")


async def _list(visitor: Visitor, company_id: UUID, problem: Problem | None = None) -> Response:
    people = await visitor.get("identity", f"/v1/companies/{company_id}/users")
    values = {
        **await company_of(visitor, company_id),
        "profiles": await _profiles(visitor, company_id),
        "users": people,
    }
    if problem is not None:
        return visitor.refused("companies/profiles.html", problem, **values)
    return visitor.page("companies/profiles.html", **values)


async def _save(visitor: Visitor, company_id: UUID, profile_id: UUID | None) -> Response:
    """Rights that one can't grant stay as they are."""
    known = await _form(visitor, company_id, profile_id)
    ticked = {right for right in visitor.fields("rights") if right in ALL_RIGHTS}
    kept = set(known["values"]["rights"]) - set(visitor.me.rights)
    body = {
        "name": visitor.field("name"),
        "rights": [r for r in ALL_RIGHTS if r in ticked | kept],
    }
    path = f"/v1/companies/{company_id}/profiles"
    try:
        if profile_id is None:
            await visitor.ask("identity", "POST", path, json=body)
        else:
            await visitor.ask("identity", "PUT", f"{path}/{profile_id}", json=body)
    except Problem as problem:
        return visitor.refused(FORM, problem, **{**known, "values": body})
    return visitor.go(f"/companies/{company_id}/profiles", "profile_saved")


async def _form(visitor: Visitor, company_id: UUID, profile_id: UUID | None) -> dict[str, Any]:
    values: dict[str, Any] | None = {"name": "", "rights": []}
    # identity refuses whoever may not manage profiles, also the empty form
    known = await _profiles(visitor, company_id)
    if profile_id is not None:
        values = next((p for p in known if p["profile_id"] == str(profile_id)), None)
    if values is None:
        raise NotFound
    company = await company_of(visitor, company_id)
    rights = [r for r in ALL_RIGHTS if company["company_kind"] == "firm" or r != MASS_DEPLOYMENT]
    return {**company, "profile_id": profile_id, "values": values, "rights": rights}


async def _profiles(visitor: Visitor, company_id: UUID) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await visitor.get(
        "identity", f"/v1/companies/{company_id}/profiles"
    )
    return found
