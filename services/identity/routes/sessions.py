"""Sign-up, sign-in, tokens, invitations, personal settings."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, EmailStr, Field

from services.identity import views
from services.identity.commands import companies as company_commands
from services.identity.commands import factors, members, sessions
from services.identity.context import Context, context
from shared.contracts.identity import Company
from shared.http import Caller, client_address
from shared.problems import Unauthenticated

router = APIRouter(prefix="/v1", tags=["sessions"])

Ctx = Annotated[Context, Depends(context)]
Language = Literal["fr", "nl", "en"]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Password = Annotated[str, Field(min_length=1, max_length=200)]


class Body(BaseModel):
    """Unknown fields are refused by name, so that a typing error is no silent omission."""

    model_config = ConfigDict(extra="forbid")


class Registration(Body):
    kind: Literal["firm", "company"] = "company"
    company: Company
    email: EmailStr
    password: Password
    first_name: Name
    last_name: Name
    language: Language = "fr"


class Credentials(Body):
    email: Annotated[str, Field(max_length=320)]
    password: Password


class TokenRequest(Body):
    company_id: UUID | None = None


class Acceptance(Body):
    secret: Annotated[str, Field(max_length=100)]
    password: Password


class Code(Body):
    code: Annotated[str, Field(min_length=6, max_length=20)]


class PasswordChange(Body):
    present: Password
    wanted: Password


class Personal(Body):
    first_name: Name
    last_name: Name
    language: Language


def session_secret(request: Request) -> str:
    """`Authorization: Session <secret>`."""
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "session" or not secret:
        raise Unauthenticated
    return secret.strip()


Secret = Annotated[str, Depends(session_secret)]


@router.post("/registrations", status_code=201)
async def register(body: Registration, ctx: Ctx) -> dict[str, Any]:
    """Register a company; whoever does is its first owner."""
    founder = company_commands.Founder(
        body.email, body.password, body.first_name, body.last_name, body.language
    )
    row, user_id = await company_commands.register_company(
        ctx.db, body.kind, body.company, founder, ctx.clock
    )
    return {**views.company_view(row), "user_id": str(user_id)}


@router.post("/sessions", status_code=201)
async def sign_in(body: Credentials, request: Request, ctx: Ctx) -> dict[str, Any]:
    """Open a session."""
    address = client_address(request)
    limits = sessions.Limits(ctx.settings.failures_per_address, ctx.settings.failures_per_account)
    signed_in = await sessions.sign_in(
        ctx.db,
        body.email,
        body.password,
        address,
        ctx.clock,
        ctx.settings.session_lifetime,
        limits,
    )
    return {
        "session": signed_in.secret,
        "expires_at": signed_in.expires_at,
        "second_factor": signed_in.second_factor,
        "companies": []
        if signed_in.second_factor
        else await views.companies_of_session(ctx.db, signed_in.secret, ctx.clock),
    }


@router.post("/sessions/current/second-factor", status_code=204)
async def second_factor(body: Code, secret: Secret, request: Request, ctx: Ctx) -> None:
    """The second step of a sign-in: a code of the authenticator app, or a recovery code."""
    address = client_address(request)
    await factors.pass_second_factor(ctx.db, ctx.box, secret, body.code, address, ctx.clock)


@router.get("/sessions/current/companies")
async def companies(secret: Secret, ctx: Ctx) -> list[dict[str, Any]]:
    """The companies one can work in."""
    return await views.companies_of_session(ctx.db, secret, ctx.clock)


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


@router.post("/invitations/accept", status_code=204)
async def accept(body: Acceptance, ctx: Ctx) -> None:
    """Set the password of an invited account."""
    await members.accept_invitation(ctx.db, body.secret, body.password, ctx.clock)


@router.patch("/me", status_code=204)
async def change_me(body: Personal, caller: Caller, ctx: Ctx) -> None:
    """Personal settings; the e-mail can't be changed (422 when sent)."""
    await members.change_oneself(ctx.db, caller, body.first_name, body.last_name, body.language)


@router.put("/me/password", status_code=204)
async def change_password(body: PasswordChange, caller: Caller, ctx: Ctx) -> None:
    """A new password, by the present one; one's other sessions end."""
    await members.change_password(ctx.db, caller, body.present, body.wanted, ctx.clock)


@router.delete("/me/sessions", status_code=200)
async def end_others(caller: Caller, ctx: Ctx) -> dict[str, int]:
    """End all of one's other sessions."""
    ended = await sessions.end_other_sessions(ctx.db, caller.user_id, caller.session_id, ctx.clock)
    return {"ended": ended}
