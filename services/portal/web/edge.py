"""What every page's answer carries: security headers, and the cookies that were set on the way."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Unexpected = Callable[[Request, Exception], Response]
App = Callable[[Scope, Any, Any], Awaitable[None]]

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
"""`data:` images are the small marks in Tabler's own style sheet."""

HEADERS = [
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"referrer-policy", b"same-origin"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=()"),
]
HSTS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")


class PageEdge:
    """ASGI middleware: adds the headers to every answer; pages aren't kept by caches.

    It stands inside the one that begins the trace, so that the page of an unexpected error still
    knows its trace id.
    """

    def __init__(self, app: App, *, secure: bool, unexpected: Unexpected) -> None:
        self.app = app
        self.headers = [*HEADERS, HSTS] if secure else HEADERS
        self.unexpected = unexpected

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        begun = False

        async def with_headers(message: Message) -> None:
            nonlocal begun
            begun = True
            if message["type"] == "http.response.start":
                static = scope["path"].startswith("/static/") and message["status"] < 400
                cache = b"public, max-age=3600" if static else b"no-store"
                message["headers"] = [
                    *message.get("headers", []),
                    *self.headers,
                    (b"cache-control", cache),
                    *((b"set-cookie", c.encode("latin-1")) for c in state.get("cookies", ())),
                ]
            await send(message)

        try:
            await self.app(scope, receive, with_headers)
        except Exception as error:
            if begun:
                raise
            await self.unexpected(Request(scope), error)(scope, receive, with_headers)
