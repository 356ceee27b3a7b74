"""Personal settings: names and language; the e-mail is shown, and fixed; one's data as a file."""

import json

from fastapi import APIRouter
from fastapi.responses import Response

from services.portal.store import people
from services.portal.web import session
from services.portal.web.visitor import SignedIn
from services.portal.web.words import LANGUAGES
from shared.problems import Problem

router = APIRouter(include_in_schema=False)

ME = "account/me.html"
MOST_ACTIONS = 10_000


@router.get("/me")
async def personal_settings(visitor: SignedIn, edit: bool = False) -> Response:
    """What is kept about oneself; *Modifier* (`edit`) makes a form of it."""
    return visitor.page(ME, values=await visitor.get("identity", "/v1/me"), editing=edit)


@router.post("/me")
async def change_personal_settings(visitor: SignedIn) -> Response:
    """Names and language; the e-mail stays."""
    values = {name: visitor.field(name) for name in ("first_name", "last_name", "language")}
    try:
        await visitor.ask("identity", "PATCH", "/v1/me", json=values)
    except Problem as problem:
        email = (await visitor.get("identity", "/v1/me"))["email"]
        return visitor.refused(ME, problem, values={**values, "email": email}, editing=True)
    if values["language"] in LANGUAGES:
        session.set_cookie(visitor.request, "lang", "")
    # a token that has seen the change makes the next page wait for it
    await session.open_company(visitor.request, visitor.session_secret, visitor.me.company_id)
    return visitor.go("/me", "saved")


@router.post("/me/leave")
async def leave(visitor: SignedIn) -> Response:
    """Give one's own access to this company up; the box says that one means it."""
    if visitor.field("sure") == "on":
        try:
            await visitor.ask("identity", "POST", "/v1/me/leave")
        except Problem as problem:
            values = await visitor.get("identity", "/v1/me")
            return visitor.refused(ME, problem, values=values, editing=False)
        session.set_cookie(visitor.request, "token", "")
        return visitor.go("/working-company", "company_left")
    return visitor.go("/me")


@router.get("/me/data")
async def my_data(visitor: SignedIn) -> Response:
    """Everything kept about the person, as a file (GDPR, Art. 15 and 20)."""
    kept = await visitor.get("identity", "/v1/me/data")
    async with visitor.request.app.state.service.database.system_transaction() as conn:
        kept["actions"] = await people.actions_of(conn, visitor.me.user_id, MOST_ACTIONS)
    named = {"Content-Disposition": 'attachment; filename="facteur-donnees-personnelles.json"'}
    text = json.dumps(kept, ensure_ascii=False, indent=2, default=str)
    return Response(text, media_type="application/json", headers=named)
