"""Oneself: names and language, password, second factors, sessions, one's own data."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from services.identity import views
from services.identity.commands import factors, members, offers, passkeys, sessions
from services.identity.domain.passkeys import site_of
from services.identity.routes.person import Ctx, EnrolledPerson, From, Person
from services.identity.routes.sessions import Body, Code, Credential, Language, Name, Password
from services.identity.store import persons

router = APIRouter(prefix="/v1/me", tags=["me"])


class PasswordChange(Body):
    present: Password
    wanted: Password


class Proof(Body):
    password: Password


class NewPasskey(Credential):
    name: Annotated[str, Field(min_length=1, max_length=60)]
    password: Password


class Personal(Body):
    first_name: Name
    last_name: Name
    language: Language


@router.get("")
async def get_me(caller: Person, ctx: Ctx) -> dict[str, Any]:
    """Oneself, with the factors that one signs in with."""
    return await views.oneself(ctx.db, caller, site_of(ctx.settings.portal_url) is not None)


@router.patch("", status_code=204)
async def change_me(body: Personal, caller: EnrolledPerson, ctx: Ctx) -> None:
    """Personal settings; the e-mail can't be changed (422 when sent)."""
    await members.change_oneself(ctx.db, caller, body.first_name, body.last_name, body.language)


@router.put("/password", status_code=204)
async def change_password(
    body: PasswordChange, caller: EnrolledPerson, origin: From, ctx: Ctx
) -> None:
    """A new password, by the present one; one's other sessions end."""
    await members.change_password(ctx.db, caller, body.present, body.wanted, origin, ctx.clock)


@router.post("/totp", status_code=201)
async def begin_totp(body: Proof, caller: Person, origin: From, ctx: Ctx) -> dict[str, str]:
    """Begin to enrol an authenticator app, by the password; confirm with one of its codes."""
    secret, uri = await factors.begin_enrolment(
        ctx.db, ctx.box, caller, body.password, origin, ctx.clock
    )
    return {"secret": secret, "provisioning_uri": uri}


@router.post("/totp/confirm")
async def confirm_totp(body: Code, caller: Person, origin: From, ctx: Ctx) -> dict[str, list[str]]:
    """Confirm the authenticator; the recovery codes are shown once."""
    codes = await factors.confirm_enrolment(ctx.db, ctx.box, caller, body.code, origin, ctx.clock)
    return {"recovery_codes": codes}


@router.post("/totp/remove", status_code=204)
async def remove_totp(body: Code, caller: EnrolledPerson, origin: From, ctx: Ctx) -> None:
    """Remove the authenticator, by one of its codes or a recovery code."""
    await factors.remove_factor(ctx.db, ctx.box, caller, body.code, origin, ctx.clock)


@router.post("/recovery-codes")
async def renew_codes(
    body: Proof, caller: EnrolledPerson, origin: From, ctx: Ctx
) -> dict[str, list[str]]:
    """New recovery codes, by the password; the old ones are void."""
    codes = await factors.renew_recovery_codes(ctx.db, caller, body.password, origin, ctx.clock)
    return {"recovery_codes": codes}


@router.post("/passkeys/options", status_code=201)
async def begin_passkey(caller: Person, ctx: Ctx) -> dict[str, Any]:
    """What `navigator.credentials.create` needs."""
    site = site_of(ctx.settings.portal_url)
    return await passkeys.begin_passkey(ctx.db, caller, site, ctx.clock)


@router.post("/passkeys", status_code=201)
async def add_passkey(
    body: NewPasskey, caller: Person, origin: From, ctx: Ctx
) -> dict[str, list[str]]:
    """Keep a passkey, by the password; recovery codes come with the first second factor."""
    site = site_of(ctx.settings.portal_url)
    codes = await passkeys.add_passkey(
        ctx.db, caller, site, body.name, body.credential, body.password, origin, ctx.clock
    )
    return {"recovery_codes": codes}


@router.post("/passkeys/{passkey_id}/remove", status_code=204)
async def remove_passkey(
    passkey_id: UUID, body: Proof, caller: EnrolledPerson, origin: From, ctx: Ctx
) -> None:
    """Forget a passkey, by the password."""
    await passkeys.remove_passkey(ctx.db, caller, passkey_id, body.password, origin, ctx.clock)


@router.get("/sessions")
async def my_sessions(caller: EnrolledPerson, ctx: Ctx) -> list[dict[str, Any]]:
    """One's open sessions, the newest first."""
    return await views.sessions_of(ctx.db, caller, ctx.clock)


@router.delete("/sessions", status_code=200)
async def end_others(caller: EnrolledPerson, ctx: Ctx) -> dict[str, int]:
    """End all of one's other sessions."""
    ended = await sessions.end_other_sessions(ctx.db, caller.user_id, caller.session_id, ctx.clock)
    return {"ended": ended}


@router.delete("/sessions/{session_id}", status_code=204)
async def end_one(session_id: UUID, caller: EnrolledPerson, ctx: Ctx) -> None:
    """End one of one's own sessions."""
    await sessions.end_one_session(ctx.db, caller.user_id, session_id, ctx.clock)


@router.post("/leave", status_code=204)
async def leave(caller: Person, ctx: Ctx) -> None:
    """Give one's own access up, to the company that one works in; its last owner stays."""
    await offers.leave_company(ctx.db, caller, ctx.clock)


@router.get("/data")
async def my_data(caller: EnrolledPerson, ctx: Ctx) -> dict[str, Any]:
    """Everything this service keeps about the caller (GDPR, Art. 15)."""
    async with ctx.db.system_transaction() as conn:
        return await persons.personal_data(conn, caller.user_id)
