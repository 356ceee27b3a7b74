"""Signing up: a new account with its company, or another company of somebody who has an account."""

from typing import Any
from urllib.parse import quote

from fastapi import APIRouter
from fastapi.responses import Response

from services.portal.routes.pages.legal import legal_of
from services.portal.web import session
from services.portal.web.visitor import Anyone, Visitor
from shared.problems import Problem

router = APIRouter(include_in_schema=False)

SIGN_UP = "account/sign_up.html"
CONFIRM = "account/confirm.html"
ANOTHER = "account/another.html"


@router.get("/sign-up")
async def sign_up_form(visitor: Anyone) -> Response:
    return visitor.page(SIGN_UP, values={"language": visitor.language})


@router.post("/sign-up")
async def sign_up(visitor: Anyone) -> Response:
    """Register a company; whoever does is its first owner, once the letter's link is followed."""
    names = ("email", "first_name", "last_name", "language", "kind")
    values: dict[str, Any] = {name: visitor.field(name) for name in names}
    legal = legal_of(visitor)
    try:
        body = {**values, "company": legal}
        answer = await visitor.ask("identity", "POST", "/v1/registrations", json=body)
    except Problem as problem:
        shown = {**values, "company": legal}
        return visitor.refused(SIGN_UP, _of_form(problem), values=shown)
    if secret := answer.json().get("secret"):
        return visitor.go(f"/sign-up/confirm/{secret}")
    return visitor.page("account/check_mail.html", email=values["email"])


@router.get("/sign-up/confirm/{secret}")
async def confirmation(secret: str, visitor: Anyone) -> Response:
    """Where the letter's link leads: what was typed is read, and a password chosen, by its reader."""
    return await _confirmation(visitor, secret[:100])


@router.post("/sign-up/confirm/{secret}")
async def confirm(secret: str, visitor: Anyone) -> Response:
    """Open the account."""
    body = {"secret": secret[:100], "password": str(visitor.form.get("password", ""))}
    try:
        await visitor.ask("identity", "POST", "/v1/registrations/confirm", json=body)
    except Problem as problem:
        return await _confirmation(visitor, secret[:100], problem)
    return visitor.go(f"/sign-in?email={quote(visitor.field('email'))}", "signed_up")


@router.get("/working-company/new")
async def another_form(visitor: Anyone) -> Response:
    await visitor.ask_session("GET", "/v1/sessions/current/companies")
    return visitor.page(ANOTHER, values={})


@router.post("/working-company/new")
async def another(visitor: Anyone) -> Response:
    """Another company, with the account that one has."""
    session.same_session(visitor.request, visitor.field("_form"))
    legal, kind = legal_of(visitor), visitor.field("kind")
    body = {"kind": kind, "company": legal}
    try:
        made = (
            await visitor.ask_session("POST", "/v1/sessions/current/companies", json=body)
        ).json()
    except Problem as problem:
        if problem.status == 401:
            raise
        return visitor.refused(ANOTHER, _of_form(problem), values={"kind": kind, "company": legal})
    await session.open_company(visitor.request, visitor.session_secret, made["company_id"])
    return visitor.go("/")


async def _confirmation(visitor: Visitor, secret: str, problem: Problem | None = None) -> Response:
    try:
        answer = await visitor.ask(
            "identity", "POST", "/v1/registrations/look", json={"secret": secret}
        )
    except Problem as over:
        return visitor.refused(CONFIRM, over, wanted=None, secret=secret)
    if problem is not None:
        return visitor.refused(CONFIRM, problem, wanted=answer.json(), secret=secret)
    return visitor.page(CONFIRM, wanted=answer.json(), secret=secret)


def _of_form(problem: Problem) -> Problem:
    for error in problem.extra.get("errors") or []:
        error["field"] = str(error.get("field", "")).removeprefix("company.")
    return problem
