"""Where one's work is, forgotten passwords, invitations."""

from fastapi import APIRouter
from fastapi.responses import Response

from services.portal.web.visitor import Anyone, SignedIn, Visitor
from shared.problems import Problem

router = APIRouter(include_in_schema=False)

INVITATION = "account/invitation.html"


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


@router.get("/invitation/{secret}")
async def invitation(secret: str, visitor: Anyone) -> Response:
    """Where a letter's link leads: to a first password, a new one, or a company that one may join."""
    return await _link(visitor, secret[:100])


@router.post("/invitation/{secret}")
async def accept_invitation(secret: str, visitor: Anyone) -> Response:
    """Set the password, or accept with the account that one has."""
    typed = visitor.form.get("password")
    body = {"secret": secret[:100], "password": None if typed is None else str(typed)}
    try:
        await visitor.ask("identity", "POST", "/v1/invitations/accept", json=body)
    except Problem as problem:
        return await _link(visitor, secret[:100], problem)
    return visitor.go("/sign-in", "offer_accepted" if typed is None else "password_set")


async def _link(visitor: Visitor, secret: str, problem: Problem | None = None) -> Response:
    nothing = {"kind": "", "company": "", "email": ""}
    try:
        answer = await visitor.ask(
            "identity", "POST", "/v1/invitations/look", json={"secret": secret}
        )
    except Problem as over:
        return visitor.refused(INVITATION, over, secret=secret, **nothing)
    if problem is not None:
        return visitor.refused(INVITATION, problem, secret=secret, **answer.json())
    return visitor.page(INVITATION, secret=secret, **answer.json())
