"""A company's own settings beyond its users: apps, API keys, subscription, GDPR."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from services.portal.commands import subscription as commands
from services.portal.web.settings_of import company_of, owned
from services.portal.web.visitor import SignedIn, Visitor
from shared.access.rights import APPS, COMPANY_SETTINGS
from shared.digits import whole
from shared.problems import Invalid, Problem

router = APIRouter(include_in_schema=False, prefix="/companies/{company_id}")

MOST_SEATS = 500


@router.get("/apps")
async def apps(company_id: UUID, visitor: SignedIn) -> Response:
    found = await visitor.get("identity", f"/v1/companies/{company_id}")
    known = await company_of(visitor, company_id)
    visitor.me.require(COMPANY_SETTINGS)
    return visitor.page("companies/apps.html", **known, chosen=found["apps"])


@router.post("/apps")
async def change_apps(company_id: UUID, visitor: SignedIn) -> Response:
    """Switch apps on and off for everybody of the company."""
    chosen = [app for app in visitor.fields("apps") if app in APPS]
    path = f"/v1/companies/{company_id}/apps"
    try:
        await visitor.ask("identity", "PUT", path, json={"apps": chosen})
    except Problem as problem:
        known = await company_of(visitor, company_id)
        return visitor.refused("companies/apps.html", problem, **known, chosen=chosen)
    return visitor.go(f"/companies/{company_id}/apps", "apps_saved")


@router.get("/api-keys")
async def api_keys(company_id: UUID, visitor: SignedIn) -> Response:
    return await _keys(visitor, company_id)


@router.post("/api-keys")
async def create_key(company_id: UUID, visitor: SignedIn) -> Response:
    """A key for a partner system; its secret is shown once."""
    await owned(visitor, company_id)
    days = visitor.field("days")
    whole_days = whole(days)
    body = {
        "name": visitor.field("key_name"),
        "scopes": [s for s in visitor.fields("scopes") if s in ("read", "write")],
        "days": days if whole_days is None else whole_days,
    }
    try:
        given = {**body, "password": str(visitor.form.get("password", ""))}
        made = (await visitor.ask("identity", "POST", "/v1/api-keys", json=given)).json()
    except Problem as problem:
        return await _keys(visitor, company_id, problem, values=body)
    return await _keys(visitor, company_id, secret=made["secret"])


@router.post("/api-keys/{key_id}/revoke")
async def revoke_key(company_id: UUID, key_id: UUID, visitor: SignedIn) -> Response:
    await owned(visitor, company_id)
    try:
        await visitor.ask("identity", "DELETE", f"/v1/api-keys/{key_id}")
    except Problem as problem:
        return await _keys(visitor, company_id, problem)
    return visitor.go(f"/companies/{company_id}/api-keys", "key_revoked")


@router.get("/subscription")
async def subscription(company_id: UUID, visitor: SignedIn) -> Response:
    return await _subscription(visitor, company_id)


@router.post("/subscription")
async def buy_seats(company_id: UUID, visitor: SignedIn) -> Response:
    """Buy additional users."""
    await owned(visitor, company_id)
    state = visitor.request.app.state
    more, seen = whole(visitor.field("more"), MOST_SEATS), whole(visitor.field("version"))
    try:
        if not more or seen is None:
            raise Invalid(errors=[{"field": "more", "message": "less than or equal"}])
        await commands.buy_seats(state.service.database, visitor.me, company_id, more, seen)
    except Problem as problem:
        return await _subscription(visitor, company_id, problem)
    state.service.relay.wake()
    return visitor.go(f"/companies/{company_id}/subscription", "seats_bought")


@router.get("/privacy")
async def privacy(company_id: UUID, visitor: SignedIn) -> Response:
    """The tab GDPR: support, mandatory second factor, who has access."""
    path = f"/v1/companies/{company_id}"
    people = await visitor.get("identity", f"{path}/access-list")
    return visitor.page(
        "companies/privacy.html",
        **await company_of(visitor, company_id),
        switches=await visitor.get("identity", f"{path}/privacy"),
        internal=[p for p in people if p["kind"] == "internal"],
        external=[p for p in people if p["kind"] != "internal"],
    )


@router.post("/privacy")
async def change_privacy(company_id: UUID, visitor: SignedIn) -> Response:
    switches = {
        name: visitor.field(name) == "on" for name in ("support_access", "require_two_factor")
    }
    await visitor.ask("identity", "PUT", f"/v1/companies/{company_id}/privacy", json=switches)
    return visitor.go(f"/companies/{company_id}/privacy", "privacy_saved")


async def _keys(
    visitor: Visitor,
    company_id: UUID,
    problem: Problem | None = None,
    *,
    secret: str = "",
    values: dict[str, Any] | None = None,
) -> Response:
    known = await owned(visitor, company_id)
    keys = await visitor.get("identity", "/v1/api-keys")
    shown = {
        **known,
        "keys": keys,
        "secret": secret,
        "values": values or {"name": "", "scopes": ["read"], "days": 365},
        "now": datetime.now(UTC).isoformat(),
    }
    if problem is not None:
        return visitor.refused("companies/api_keys.html", problem, **shown)
    return visitor.page("companies/api_keys.html", **shown)


async def _subscription(
    visitor: Visitor, company_id: UUID, problem: Problem | None = None
) -> Response:
    known = await owned(visitor, company_id)
    database = visitor.request.app.state.service.database
    row = await commands.subscription_of(database, visitor.me, company_id)
    shown = {
        **known,
        "subscription": row,
        "used": (await visitor.get("identity", f"/v1/companies/{company_id}/seats"))["used"],
        "more": visitor.field("more") or "1",
    }
    if problem is not None:
        return visitor.refused("companies/subscription.html", problem, **shown)
    return visitor.page("companies/subscription.html", **shown)
