"""How one signs in: password, authenticator app, passkeys, recovery codes, sessions."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from services.portal.web import session
from services.portal.web.visitor import Enrolling, SignedIn, Visitor
from shared.problems import Problem

router = APIRouter(include_in_schema=False, prefix="/me/security")

SECURITY = "account/security.html"
AUTHENTICATOR = "account/authenticator.html"
PASSKEY = "account/passkey.html"
CODES = "account/recovery_codes.html"


@router.get("")
async def security(visitor: Enrolling) -> Response:
    return await _overview(visitor)


@router.post("/password")
async def change_password(visitor: SignedIn) -> Response:
    """A new password, by the present one."""
    body = {name: str(visitor.form.get(name, "")) for name in ("present", "wanted")}
    try:
        await visitor.ask("identity", "PUT", "/v1/me/password", json=body)
    except Problem as problem:
        return await _overview(visitor, problem)
    return visitor.go("/me/security", "password_changed")


@router.post("/authenticator")
async def begin_authenticator(visitor: Enrolling) -> Response:
    """A secret for the app, as a QR code and to type; by the password."""
    body = {"password": str(visitor.form.get("app_password", ""))}
    try:
        begun = (await visitor.ask("identity", "POST", "/v1/me/totp", json=body)).json()
    except Problem as problem:
        return await _overview(visitor, problem)
    return visitor.page(AUTHENTICATOR, **_secret(begun["secret"], begun["provisioning_uri"]))


@router.post("/authenticator/confirm")
async def confirm_authenticator(visitor: Enrolling) -> Response:
    """The app's first code; the recovery codes follow, once."""
    body = {"code": visitor.field("code")}
    try:
        answer = await visitor.ask("identity", "POST", "/v1/me/totp/confirm", json=body)
    except Problem as problem:
        shown = _secret(visitor.field("secret")[:64], visitor.field("uri")[:400])
        return visitor.refused(AUTHENTICATOR, problem, **shown)
    return await _codes(visitor, answer.json()["recovery_codes"])


@router.post("/authenticator/remove")
async def remove_authenticator(visitor: SignedIn) -> Response:
    """By a code of the app, or a recovery code."""
    body = {"code": visitor.field("code")}
    try:
        await visitor.ask("identity", "POST", "/v1/me/totp/remove", json=body)
    except Problem as problem:
        return await _overview(visitor, problem)
    return visitor.go("/me/security", "app_removed")


@router.post("/recovery-codes")
async def renew_codes(visitor: SignedIn) -> Response:
    """Ten new ones, by the password."""
    body = {"password": str(visitor.form.get("codes_password", ""))}
    try:
        answer = await visitor.ask("identity", "POST", "/v1/me/recovery-codes", json=body)
    except Problem as problem:
        return await _overview(visitor, problem)
    return await _codes(visitor, answer.json()["recovery_codes"], "done.codes_renewed")


@router.get("/passkeys/new")
async def new_passkey(visitor: Enrolling) -> Response:
    """The page whose script asks the browser for a passkey."""
    return await _passkey(visitor)


@router.post("/passkeys/new")
async def add_passkey(visitor: Enrolling) -> Response:
    """Keep the passkey that the browser made."""
    body = {
        "name": visitor.field("name"),
        "password": str(visitor.form.get("password", "")),
        "credential": visitor.brought("credential"),
    }
    try:
        answer = await visitor.ask("identity", "POST", "/v1/me/passkeys", json=body)
    except Problem as problem:
        return await _passkey(visitor, problem)
    if codes := answer.json()["recovery_codes"]:
        return await _codes(visitor, codes)
    return visitor.go("/me/security", "passkey_added")


@router.post("/passkeys/{passkey_id}/remove")
async def remove_passkey(passkey_id: UUID, visitor: SignedIn) -> Response:
    """By the password."""
    body = {"password": str(visitor.form.get(f"password-{passkey_id}", ""))}
    try:
        await visitor.ask("identity", "POST", f"/v1/me/passkeys/{passkey_id}/remove", json=body)
    except Problem as problem:
        return await _overview(visitor, problem)
    return visitor.go("/me/security", "passkey_removed")


@router.post("/sessions/end-others")
async def end_others(visitor: SignedIn) -> Response:
    await visitor.ask("identity", "DELETE", "/v1/me/sessions")
    return visitor.go("/me/security", "sessions_ended")


@router.post("/sessions/{session_id}/end")
async def end_session(session_id: UUID, visitor: SignedIn) -> Response:
    await visitor.ask("identity", "DELETE", f"/v1/me/sessions/{session_id}")
    return visitor.go("/me/security", "session_ended")


async def _overview(visitor: Visitor, problem: Problem | None = None) -> Response:
    pending = visitor.me.two_factor_pending
    values = {
        "me": await visitor.get("identity", "/v1/me"),
        "sessions": [] if pending else await visitor.get("identity", "/v1/me/sessions"),
        "pending": pending,
    }
    if problem is not None:
        return visitor.refused(SECURITY, problem, **values)
    return visitor.page(SECURITY, **values)


async def _passkey(visitor: Visitor, problem: Problem | None = None) -> Response:
    try:
        options = (await visitor.ask("identity", "POST", "/v1/me/passkeys/options")).json()
    except Problem as refusal:
        return await _overview(visitor, refusal)
    if problem is not None:
        return visitor.refused(PASSKEY, problem, options=options, name=visitor.field("name"))
    return visitor.page(PASSKEY, options=options, name="")


async def _codes(visitor: Visitor, codes: list[str], done: str = "done.two_factor_on") -> Response:
    """Shown once. Whoever could only enrol so far may now do everything: a new token says so."""
    company = visitor.me.company_id
    await session.open_company(visitor.request, visitor.session_secret, company)
    return visitor.page(CODES, codes=codes, said=visitor.text(done))


def _secret(secret: str, uri: str) -> dict[str, Any]:
    import segno

    image = segno.make(uri or secret, error="m").svg_data_uri(scale=5, border=2)
    return {"secret": secret, "uri": uri, "qr": image}
