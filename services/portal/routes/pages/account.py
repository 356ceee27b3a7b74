"""Where one's work is, signing up, invitations."""

from typing import Any
from urllib.parse import quote

from fastapi import APIRouter
from fastapi.responses import Response

from services.portal.routes.pages.legal import legal_of
from services.portal.web.visitor import Anyone, SignedIn
from shared.problems import Problem

router = APIRouter(include_in_schema=False)


@router.get("/")
async def home(visitor: SignedIn) -> Response:
    """Where this person's work is."""
    if visitor.me.of_firm:
        return visitor.go("/companies")
    if not visitor.me.billing:
        return visitor.go("/welcome")
    pages = (("statistics", "/dashboard"), ("invoices", "/invoices"), ("customers", "/customers"))
    return visitor.go(next(page for app, page in pages if visitor.uses(app)))


@router.get("/welcome")
async def welcome(visitor: SignedIn) -> Response:
    """For somebody without invoicing: what there is, and whom to ask."""
    return visitor.page("account/welcome.html")


@router.get("/password-reset")
async def forgotten_form(visitor: Anyone, email: str = "") -> Response:
    return visitor.page("account/forgotten.html", email=email)


@router.post("/password-reset")
async def forgotten(visitor: Anyone) -> Response:
    """A letter with a link, if there is such an account; the page doesn't say whether."""
    email = visitor.field("email")
    try:
        await visitor.ask("identity", "POST", "/v1/password-resets", json={"email": email})
    except Problem as problem:
        return visitor.refused("account/forgotten.html", problem, email=email)
    return visitor.page("account/reset_mail.html", email=email)


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
        answer = await visitor.ask("identity", "POST", "/v1/registrations", json=body)
    except Problem as problem:
        for error in problem.extra.get("errors") or []:
            error["field"] = str(error.get("field", "")).removeprefix("company.")
        return visitor.refused("account/sign_up.html", problem, values={**values, "company": legal})
    if answer.status_code == 202:
        return visitor.page("account/check_mail.html", email=values["email"])
    return visitor.go(f"/sign-in?email={quote(values['email'])}", "signed_up")


@router.get("/sign-up/confirm/{secret}")
async def confirmation(secret: str, visitor: Anyone) -> Response:
    """Where the letter's link leads: confirming is a press of a button, not a mail scanner's visit."""
    return visitor.page("account/confirm.html", secret=secret[:100])


@router.post("/sign-up/confirm/{secret}")
async def confirm(secret: str, visitor: Anyone) -> Response:
    """Open the account."""
    body = {"secret": secret[:100]}
    try:
        await visitor.ask("identity", "POST", "/v1/registrations/confirm", json=body)
    except Problem as problem:
        return visitor.refused("account/confirm.html", problem, secret=secret[:100])
    return visitor.go("/sign-in", "signed_up")


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
