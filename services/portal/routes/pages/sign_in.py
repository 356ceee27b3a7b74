"""Signing in, in one step or two; signing out; the company that one works in."""

from contextlib import suppress
from typing import Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from services.portal.web import session
from services.portal.web.visitor import Anyone, Visitor
from shared.problems import Problem

router = APIRouter(include_in_schema=False)

SIGN_IN = "account/sign_in.html"
SECOND_STEP = "account/second_step.html"
CHOOSE = "account/choose.html"


@router.get("/sign-in")
async def sign_in_form(visitor: Anyone, next: str = "/", email: str = "") -> Response:  # noqa: A002
    return visitor.page(SIGN_IN, next=session.safe_path(next), email=email)


@router.post("/sign-in")
async def sign_in(visitor: Anyone) -> Response:
    """The first step: the password."""
    wanted, email = session.safe_path(visitor.field("next")), visitor.field("email")
    credentials = {"email": email, "password": str(visitor.form.get("password", ""))}
    named = visitor.request.headers.get("user-agent", "")
    agent = {"User-Agent": named.encode("ascii", "replace").decode()}
    try:
        answer = await visitor.ask(
            "identity", "POST", "/v1/sessions", json=credentials, headers=agent
        )
        opened = answer.json()
        await _end_former(visitor)
        session.set_cookie(visitor.request, "token", "")
        session.set_cookie(visitor.request, "session", opened["session"])
        if opened["second_factor"]:
            return visitor.go(f"/sign-in/second-step?next={quote(wanted, safe='')}")
        return await _enter(visitor, opened["session"], opened["companies"], wanted)
    except Problem as problem:
        return visitor.refused(SIGN_IN, problem, next=wanted, email=email)


@router.get("/sign-in/second-step")
async def second_step_form(visitor: Anyone, next: str = "/") -> Response:  # noqa: A002
    """Asks for a code or a passkey, whichever this person has."""
    return await _second_step(visitor, session.safe_path(next))


@router.post("/sign-in/second-step")
async def second_step(visitor: Anyone) -> Response:
    """The second step: a code of the app, a recovery code, or a passkey."""
    session.same_session(visitor.request, visitor.field("_form"))
    wanted = session.safe_path(visitor.field("next"))
    path = "/v1/sessions/current/second-factor"
    body: dict[str, Any] = {"code": visitor.field("code")}
    if visitor.field("credential"):
        path, body = "/v1/sessions/current/passkey", {"credential": visitor.brought("credential")}
    try:
        await visitor.ask_session("POST", path, json=body)
    except Problem as problem:
        if problem.slug == "unauthenticated":
            raise
        return await _second_step(visitor, wanted, problem)
    companies = (await visitor.ask_session("GET", "/v1/sessions/current/companies")).json()
    return await _enter(visitor, visitor.session_secret, companies, wanted)


async def _second_step(visitor: Visitor, wanted: str, problem: Problem | None = None) -> Response:
    try:
        waits_for = (await visitor.ask_session("GET", "/v1/sessions/current")).json()["factors"]
        if not waits_for:
            return visitor.go(wanted)
        options = None
        if "passkey" in waits_for:
            path = "/v1/sessions/current/passkey/options"
            options = (await visitor.ask_session("POST", path)).json()
    except Problem as refusal:
        if refusal.slug not in ("no-passkeys-here", "too-many-attempts"):
            raise
        options, problem = None, problem or refusal
    values = {"next": wanted, "factors": waits_for, "options": options}
    if problem is not None:
        return visitor.refused(SECOND_STEP, problem, **values)
    return visitor.page(SECOND_STEP, **values)


async def _end_former(visitor: Visitor) -> None:
    """The session whose cookie the new one's takes the place of: nobody would end it any more."""
    if session.cookie(visitor.request, "session"):
        with suppress(Problem):
            await visitor.ask_session("DELETE", "/v1/sessions/current")


async def _enter(
    visitor: Visitor, secret: str, companies: list[dict[str, Any]], wanted: str
) -> Response:
    """Into the only company, or to the choice of one, and of what others offer."""
    offers = await visitor.ask_session("GET", "/v1/sessions/current/invitations", secret=secret)
    if len(companies) != 1 or offers.json():
        return visitor.go(f"/working-company?next={quote(wanted, safe='')}")
    await session.open_company(visitor.request, secret, None)
    return visitor.go(wanted)


@router.post("/sign-out")
async def sign_out(visitor: Anyone) -> Response:
    """End the session everywhere."""
    session.same_session(visitor.request, visitor.field("_form"))
    await visitor.ask_session("DELETE", "/v1/sessions/current")
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
    session.same_session(visitor.request, visitor.field("_form"))
    try:
        company = UUID(visitor.field("company_id"))
    except ValueError:
        return await _companies(visitor, "/")
    await session.open_company(visitor.request, visitor.session_secret, company)
    return visitor.go(session.safe_path(visitor.field("next")))


@router.post("/working-company/invitations/{membership_id}")
async def answer_offer(membership_id: UUID, visitor: Anyone) -> Response:
    """Accept what a company offers, or decline it."""
    session.same_session(visitor.request, visitor.field("_form"))
    accepts = visitor.field("answer") == "accept"
    path = f"/v1/sessions/current/invitations/{membership_id}"
    await visitor.ask_session("POST" if accepts else "DELETE", path)
    return visitor.go("/working-company", "offer_joined" if accepts else "offer_declined")


async def _companies(visitor: Visitor, wanted: str) -> Response:
    answer = await visitor.ask_session("GET", "/v1/sessions/current/companies")
    offers = await visitor.ask_session("GET", "/v1/sessions/current/invitations")
    current = session.claims_of(session.cookie(visitor.request, "token")).get("cid", "")
    shown = {"companies": answer.json(), "offers": offers.json(), "current": current}
    return visitor.page(CHOOSE, **shown, next=wanted)
