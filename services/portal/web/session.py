"""Who is looking at a page: two cookies, one for the session and one for its short-lived token."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import Request

from services.portal.settings import PortalSettings
from services.portal.web.owners import Owners
from shared.callers import client_address
from shared.problems import Forbidden, Unauthenticated

REFRESH_BEFORE_SECONDS = 120
SESSION_SECONDS = 12 * 3600


class CrossSite(Forbidden):
    """The form didn't come from this site, or the page was open for too long; load it again."""

    slug, title = "cross-site", "Not from this site"


class ChooseCompany(Forbidden):
    """Choose the company that you want to work in first."""

    slug, title = "choose-company", "Choose a company"


def cookie_name(settings: PortalSettings, name: str) -> str:
    """`__Host-` binds a secure cookie to this host and path (RFC 6265bis §4.1.3.2)."""
    return f"__Host-{name}" if settings.secure_cookies else f"facteur_{name}"


def set_cookie(
    request: Request,
    name: str,
    value: str,
    *,
    seconds: int = SESSION_SECONDS,
    http_only: bool = True,
) -> None:
    """Set with the answer, whatever that becomes; an empty value takes the cookie away."""
    settings: PortalSettings = request.app.state.settings
    parts = [f"{cookie_name(settings, name)}={value}", "Path=/", "SameSite=Lax"]
    parts.append(f"Max-Age={seconds if value else 0}")
    if http_only:
        parts.append("HttpOnly")
    if settings.secure_cookies:
        parts.append("Secure")
    cookies = request.scope["state"].setdefault("cookies", [])
    cookies.append("; ".join(parts))


def cookie(request: Request, name: str) -> str:
    """The cookie's value, or an empty string; also for what we never set, and no header could carry on."""
    value = request.cookies.get(cookie_name(request.app.state.settings, name), "")
    return value if value.isascii() and value.isprintable() else ""


def claims_of(token: str) -> dict[str, Any]:
    """What a token says of itself, unverified: only to know when to fetch another, and for where."""
    try:
        payload = token.split(".")[1]
        found = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, IndexError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _expiry(token: str) -> float:
    """When the token says that it ends; 0 for whatever is no time."""
    expires = claims_of(token).get("exp", 0)
    return float(min(expires, 2**53)) if isinstance(expires, int) else 0.0


async def access_token(request: Request) -> str:
    """The token of this request, a fresh one when it ends within two minutes."""
    token = cookie(request, "token")
    left = _expiry(token) - time.time()
    if left >= REFRESH_BEFORE_SECONDS:
        return token
    secret = cookie(request, "session")
    if not secret:
        raise Unauthenticated
    from shared.problems import Problem

    company = claims_of(token).get("cid")
    if company is None and not await _has_one_company(request, secret):
        raise ChooseCompany
    try:
        return await open_company(request, secret, company)
    except Problem as problem:
        if left > 1 and problem.status >= 500:
            return token
        raise


async def _has_one_company(request: Request, secret: str) -> bool:
    owners: Owners = request.app.state.owners
    path = "/v1/sessions/current/companies"
    headers = {"X-Forwarded-For": client_address(request)}
    answer = await owners.call("identity", "GET", path, f"Session {secret}", headers=headers)
    return len(answer.json()) == 1


async def open_company(request: Request, secret: str, company_id: UUID | str | None) -> str:
    """A token for one company; kept in its cookie. Identity records from where it was asked for."""
    owners: Owners = request.app.state.owners
    headers = {"X-Forwarded-For": client_address(request)}
    body = {"company_id": str(company_id) if company_id else None}
    answer = await owners.call(
        "identity",
        "POST",
        "/v1/sessions/current/token",
        f"Session {secret}",
        json=body,
        headers=headers,
    )
    token: str = answer.json()["access_token"]
    set_cookie(request, "token", token)
    return token


def form_token(secret: str) -> str:
    """What a form of this session carries."""
    return hmac.new(secret.encode(), b"facteur form", hashlib.sha256).hexdigest()


def same_site(request: Request) -> None:
    """CrossSite unless the browser says that the request comes from one of our own pages."""
    origin = request.headers.get("origin")
    fetched_from = request.headers.get("sec-fetch-site")
    if fetched_from is not None and fetched_from not in ("same-origin", "none"):
        raise CrossSite
    if origin is None and fetched_from is None:
        raise CrossSite
    if origin is not None:
        own = urlsplit(request.app.state.settings.public_url)
        hosts = {(own.scheme, own.netloc), (request.url.scheme, request.url.netloc)}
        try:
            asked = urlsplit(origin)
        except ValueError as error:  # a bracket that doesn't close
            raise CrossSite from error
        if (asked.scheme, asked.netloc) not in hosts:
            raise CrossSite


def same_session(request: Request, presented: str) -> None:
    """CrossSite unless the form was made in this session."""
    secret = cookie(request, "session")
    if not secret or not hmac.compare_digest(presented.encode(), form_token(secret).encode()):
        raise CrossSite


def safe_path(value: str) -> str:
    """A path of our own to go back to; anything that could lead elsewhere becomes `/`."""
    plain = value.isascii() and value.isprintable() and "\\" not in value
    if not plain or not value.startswith("/") or value[1:2] == "/":
        return "/"
    return value
