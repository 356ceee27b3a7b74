"""Signing in and out, signing up, invitations, the company one works in, personal settings."""

from typing import Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from services.portal.routes.pages.legal import legal_of
from services.portal.web import session
from services.portal.web.owners import Owners
from services.portal.web.visitor import Anyone, SignedIn, Visitor
from services.portal.web.words import LANGUAGES
from shared.problems import Problem

router = APIRouter(include_in_schema=False)

SIGN_IN = "account/sign_in.html"
CHOOSE = "account/choose.html"


@router.get("/")
async def home(visitor: SignedIn) -> Response:
    """Where this person's work is."""
    if visitor.me.company_kind == "firm":
        return visitor.go("/companies")
    return visitor.go("/dashboard" if visitor.me.billing else "/welcome")


@router.get("/welcome")
async def welcome(visitor: SignedIn) -> Response:
    """For somebody without invoicing: what there is, and whom to ask."""
    return visitor.page("account/welcome.html")


@router.get("/sign-in")
async def sign_in_form(visitor: Anyone, next: str = "/", email: str = "") -> Response:  # noqa: A002
    return visitor.page(SIGN_IN, next=session.safe_path(next), email=email)


@router.post("/sign-in")
async def sign_in(visitor: Anyone) -> Response:
    """Open a session; with several companies, choose one first."""
    wanted, email = session.safe_path(visitor.field("next")), visitor.field("email")
    credentials = {"email": email, "password": str(visitor.form.get("password", ""))}
    try:
        opened = (await visitor.ask("identity", "POST", "/v1/sessions", json=credentials)).json()
    except Problem as problem:
        return visitor.refused(SIGN_IN, problem, next=wanted, email=email)
    session.set_cookie(visitor.request, "session", opened["session"])
    if len(opened["companies"]) > 1:
        return visitor.go(f"/working-company?next={quote(wanted)}")
    try:
        await session.open_company(visitor.request, opened["session"], None)
    except Problem as problem:
        return visitor.refused(SIGN_IN, problem, next=wanted, email=email)
    return visitor.go(wanted)


@router.post("/sign-out")
async def sign_out(visitor: Anyone) -> Response:
    """End the session everywhere."""
    secret = session.cookie(visitor.request, "session")
    session.same_session(visitor.request, visitor.field("_form"))
    owners: Owners = visitor.request.app.state.owners
    await owners.call("identity", "DELETE", "/v1/sessions/current", f"Session {secret}")
    for name in ("session", "token"):
        session.set_cookie(visitor.request, name, "")
    return visitor.go("/sign-in", "signed_out")


@router.get("/working-company")
async def choose_company(visitor: Anyone, next: str = "/") -> Response:  # noqa: A002
    """The companies that one can work in."""
    return await _companies(visitor, session.safe_path(next))


@router.post("/working-company")
async def work_in(visitor: Anyone) -> Response:
    """Work in another company, without signing out."""
    secret = session.cookie(visitor.request, "session")
    session.same_session(visitor.request, visitor.field("_form"))
    try:
        company = UUID(visitor.field("company_id"))
    except ValueError:
        return await _companies(visitor, "/")
    await session.open_company(visitor.request, secret, company)
    return visitor.go(session.safe_path(visitor.field("next")))


async def _companies(visitor: Visitor, wanted: str) -> Response:
    secret = session.cookie(visitor.request, "session")
    if not secret:
        return visitor.go(f"/sign-in?next={quote(wanted)}")
    owners: Owners = visitor.request.app.state.owners
    answer = await owners.call(
        "identity", "GET", "/v1/sessions/current/companies", f"Session {secret}"
    )
    current = session.claims_of(session.cookie(visitor.request, "token")).get("cid", "")
    return visitor.page(CHOOSE, companies=answer.json(), current=current, next=wanted)


@router.get("/sign-up")
async def sign_up_form(visitor: Anyone) -> Response:
    return visitor.page("account/sign_up.html", values={"language": visitor.language})


@router.post("/sign-up")
async def sign_up(visitor: Anyone) -> Response:
    """Register a company; whoever does is its first owner."""
    names = ("email", "first_name", "last_name", "language", "kind")
    values: dict[str, Any] = {name: visitor.field(name) for name in names}
    legal = legal_of(visitor)
    body = {**values, "password": str(visitor.form.get("password", "")), "company": legal}
    try:
        await visitor.ask("identity", "POST", "/v1/registrations", json=body)
    except Problem as problem:
        for error in problem.extra.get("errors") or []:
            error["field"] = str(error.get("field", "")).removeprefix("company.")
        return visitor.refused("account/sign_up.html", problem, values={**values, "company": legal})
    return visitor.go(f"/sign-in?email={quote(values['email'])}", "signed_up")


@router.get("/invitation/{secret}")
async def invitation(secret: str, visitor: Anyone) -> Response:
    return visitor.page("account/invitation.html", secret=secret[:100])


@router.post("/invitation/{secret}")
async def accept_invitation(secret: str, visitor: Anyone) -> Response:
    """Set the password of an invited account."""
    body = {"secret": secret[:100], "password": str(visitor.form.get("password", ""))}
    try:
        await visitor.ask("identity", "POST", "/v1/invitations/accept", json=body)
    except Problem as problem:
        return visitor.refused("account/invitation.html", problem, secret=secret[:100])
    return visitor.go("/sign-in", "password_set")


@router.get("/me")
async def personal_settings(visitor: SignedIn) -> Response:
    return visitor.page("account/me.html", values=await _personal(visitor))


@router.post("/me")
async def change_personal_settings(visitor: SignedIn) -> Response:
    """Names and language; the e-mail stays."""
    values = {name: visitor.field(name) for name in ("first_name", "last_name", "language")}
    try:
        await visitor.ask("identity", "PATCH", "/v1/me", json=values)
    except Problem as problem:
        email = (await _personal(visitor))["email"]
        return visitor.refused("account/me.html", problem, values={**values, "email": email})
    if values["language"] in LANGUAGES:
        session.set_cookie(visitor.request, "lang", "")
    return visitor.go("/me", "saved")


async def _personal(visitor: Visitor) -> dict[str, str]:
    from services.portal.store import people

    async with visitor.request.app.state.service.database.system_transaction() as conn:
        return await people.personal(conn, visitor.me.membership_id)
