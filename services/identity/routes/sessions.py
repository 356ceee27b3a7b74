"""Sign-up, sign-in in two steps, tokens, invitations."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from services.identity import views
from services.identity.commands import factors, links, offers, passkeys, registrations, sessions
from services.identity.commands.asking import may_ask
from services.identity.commands.invitations import Inviting
from services.identity.domain.passkeys import site_of
from services.identity.routes.person import Ctx, From
from shared.contracts.identity import Company
from shared.mailboxes import Email
from shared.problems import Unauthenticated

router = APIRouter(prefix="/v1", tags=["sessions"])

Language = Literal["fr", "nl", "en"]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Password = Annotated[str, Field(min_length=1, max_length=200)]


class Body(BaseModel):
    """Unknown fields are refused by name, so that a typing error is no silent omission."""

    model_config = ConfigDict(extra="forbid")


class LegalBody(Company):
    """Legal information as it is sent: a field that there isn't is refused by its name."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Registration(Body):
    kind: Literal["firm", "company"] = "company"
    company: LegalBody
    email: Email
    password: Password | None = None
    """To register at once where no mail server is configured; else it is chosen when confirming."""
    first_name: Name
    last_name: Name
    language: Language = "fr"


class Credentials(Body):
    email: Annotated[str, Field(max_length=320)]
    password: Password


class TokenRequest(Body):
    company_id: UUID | None = None


class Forgotten(Body):
    email: Annotated[str, Field(max_length=320, pattern=r"^[^\x00]*$")]
    """Looked up after the answer, when nothing can be refused any more."""


class Holding(Body):
    secret: Annotated[str, Field(max_length=100)]


class Confirmation(Holding):
    password: Password


class NewCompany(Body):
    kind: Literal["firm", "company"] = "company"
    company: LegalBody


class Acceptance(Body):
    secret: Annotated[str, Field(max_length=100)]
    password: Password | None = None
    """None: with the account that the address has."""


class Code(Body):
    code: Annotated[str, Field(min_length=6, max_length=20)]


class Credential(Body):
    credential: dict[str, Any]
    """What the browser's `PublicKeyCredential.toJSON()` says."""


def session_secret(request: Request) -> str:
    """`Authorization: Session <secret>`."""
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "session" or not secret:
        raise Unauthenticated
    return secret.strip()


Secret = Annotated[str, Depends(session_secret)]


@router.post("/registrations", status_code=201)
async def register(
    body: Registration, response: Response, origin: From, ctx: Ctx
) -> dict[str, Any]:
    """Register a company; whoever does is its first owner. 202 and always the same answer where a
    mail server is configured: the letter says what to do. Without one, 202 with the link's `secret`,
    or with a password at once."""
    await may_ask(ctx.db, origin, ctx.clock)
    wanted = registrations.SignUp(
        body.kind, body.company, body.email, body.first_name, body.last_name, body.language
    )
    by_mail = ctx.settings.smtp is not None
    if by_mail or body.password is None:
        confirming = registrations.Confirming(ctx.box, ctx.settings.portal_url, by_mail)
        secret = await registrations.ask_to_confirm(ctx.db, wanted, confirming, ctx.clock)
        response.status_code = 202
        return {"confirmation": "by e-mail"} if by_mail else {"secret": secret}
    row, user_id = await registrations.register_at_once(ctx.db, wanted, body.password, ctx.clock)
    return {**views.company_view(row), "user_id": str(user_id)}


@router.post("/registrations/look")
async def look_at_registration(body: Holding, ctx: Ctx) -> dict[str, Any]:
    """What a letter's link would open, to be read before one does."""
    wanted = await registrations.look(ctx.db, body.secret, ctx.box, ctx.clock)
    return {"email": wanted.email, "company": wanted.legal.model_dump(mode="json")}


@router.post("/registrations/confirm", status_code=201)
async def confirm_registration(body: Confirmation, ctx: Ctx) -> dict[str, Any]:
    """Open the account that a letter's link stands for, with the password of its reader; once."""
    row, user_id = await registrations.confirm(
        ctx.db, body.secret, body.password, ctx.box, ctx.clock
    )
    return {**views.company_view(row), "user_id": str(user_id)}


@router.post("/sessions", status_code=201)
async def sign_in(body: Credentials, origin: From, ctx: Ctx) -> dict[str, Any]:
    """Open a session; where a second factor is enrolled, it must follow."""
    opened = await sessions.sign_in(
        ctx.db, body.email, body.password, origin, ctx.clock, ctx.settings.session_lifetime
    )
    return {
        "session": opened.secret,
        "expires_at": opened.expires_at,
        "second_factor": opened.second_factor,
        "companies": []
        if opened.second_factor
        else await views.companies_of_session(ctx.db, opened.secret, ctx.clock),
    }


@router.get("/sessions/current")
async def current(secret: Secret, ctx: Ctx) -> dict[str, Any]:
    """What this session still waits for: the factors that would do, empty when it is complete."""
    return await views.session_state(ctx.db, secret, ctx.clock)


@router.post("/sessions/current/second-factor", status_code=204)
async def second_factor(body: Code, secret: Secret, origin: From, ctx: Ctx) -> None:
    """The second step of a sign-in: a code of the authenticator app, or a recovery code."""
    await factors.pass_second_factor(ctx.db, ctx.box, secret, body.code, origin, ctx.clock)


@router.post("/sessions/current/passkey/options", status_code=201)
async def passkey_options(secret: Secret, origin: From, ctx: Ctx) -> dict[str, Any]:
    """What `navigator.credentials.get` needs, for the second step by a passkey."""
    site = site_of(ctx.settings.portal_url)
    return await passkeys.begin_sign_in(ctx.db, secret, site, origin, ctx.clock)


@router.post("/sessions/current/passkey", status_code=204)
async def passkey(body: Credential, secret: Secret, origin: From, ctx: Ctx) -> None:
    """The second step of a sign-in, by a passkey."""
    site = site_of(ctx.settings.portal_url)
    await passkeys.pass_with_passkey(ctx.db, secret, site, body.credential, origin, ctx.clock)


@router.get("/sessions/current/companies")
async def companies(secret: Secret, ctx: Ctx) -> list[dict[str, Any]]:
    """The companies one can work in."""
    return await views.companies_of_session(ctx.db, secret, ctx.clock)


@router.post("/sessions/current/companies", status_code=201)
async def found_another(body: NewCompany, secret: Secret, origin: From, ctx: Ctx) -> dict[str, Any]:
    """Register another company, with the account that one has; one is its first owner."""
    await may_ask(ctx.db, origin, ctx.clock)
    row = await offers.found_another(ctx.db, secret, body.kind, body.company, ctx.clock)
    return views.company_view(row)


@router.post("/sessions/current/token")
async def token(body: TokenRequest, secret: Secret, ctx: Ctx) -> dict[str, Any]:
    """A short-lived access token for one company."""
    issued = await sessions.issue_token(ctx.db, ctx.box, secret, body.company_id, ctx.clock)
    return {
        "access_token": issued.access_token,
        "expires_at": issued.expires_at,
        "company_id": str(issued.company_id),
        "enrolment_only": issued.enrolment_only,
    }


@router.delete("/sessions/current", status_code=204)
async def sign_out(secret: Secret, ctx: Ctx) -> None:
    """End the session everywhere."""
    await sessions.sign_out(ctx.db, secret, ctx.clock)


@router.post("/password-resets", status_code=202)
async def forgotten(
    body: Forgotten, tasks: BackgroundTasks, origin: From, ctx: Ctx
) -> dict[str, str]:
    """A letter with a link, if there is such an account; the same answer, as soon, if there isn't."""
    await may_ask(ctx.db, origin, ctx.clock)
    settings = ctx.settings
    inviting = Inviting(
        settings.invitation_lifetime, settings.portal_url, settings.smtp is not None, ctx.box
    )
    tasks.add_task(links.forgotten_password, ctx.db, body.email, inviting, ctx.clock)
    return {"letter": "if there is such an account"}


@router.post("/invitations/look")
async def look(body: Holding, ctx: Ctx) -> dict[str, Any]:
    """What a letter's link is for: `password`, a forgotten one; `new`, an invitation that sets the
    first one; `offer`, one to somebody who has an account."""
    link = await links.look(ctx.db, body.secret, ctx.clock)
    return {"kind": link.kind, "email": link.user.email, "company": link.company}


@router.post("/invitations/accept", status_code=204)
async def accept(body: Acceptance, ctx: Ctx) -> None:
    """Follow the link: set the password, or become a member with the account that one has."""
    by_mail = ctx.settings.smtp is not None
    await links.follow(ctx.db, body.secret, body.password, ctx.clock, by_mail=by_mail)


@router.get("/sessions/current/invitations")
async def invitations_of(secret: Secret, ctx: Ctx) -> list[dict[str, Any]]:
    """What companies offer to this person."""
    return [
        {
            "membership_id": str(offer.membership_id),
            "company_id": str(offer.company_id),
            "name": offer.company_name,
            "role": offer.role,
        }
        for offer in await offers.offers_to(ctx.db, secret, ctx.clock)
    ]


@router.post("/sessions/current/invitations/{membership_id}")
async def accept_offer(membership_id: UUID, secret: Secret, ctx: Ctx) -> dict[str, str]:
    """Become a member, with the account that one has."""
    company_id = await offers.accept_offer(ctx.db, secret, membership_id, ctx.clock)
    return {"company_id": str(company_id)}


@router.delete("/sessions/current/invitations/{membership_id}", status_code=204)
async def decline_offer(membership_id: UUID, secret: Secret, ctx: Ctx) -> None:
    """No, thanks."""
    await offers.decline_offer(ctx.db, secret, membership_id, ctx.clock)
