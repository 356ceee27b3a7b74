"""HTTP edge of every service: problems as RFC 9457, bounded bodies, a trace, the caller."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from time import perf_counter
from typing import Annotated, Any

import asyncpg
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from opentelemetry import trace
from opentelemetry.trace import Status, StatusCode
from starlette.exceptions import HTTPException

from shared import metrics
from shared.access.guard import Guard, Principal
from shared.access.rights import DOCUMENT_MANAGEMENT, INVOICING, AppName
from shared.database import AWAY
from shared.logs import acting_for
from shared.origin import coming_from, network_of
from shared.problems import (
    Forbidden,
    Invalid,
    NotReady,
    Problem,
    TooLarge,
    TooSlow,
    Unauthenticated,
)
from shared.settings import ServiceSettings
from shared.telemetry import continued, current_trace_id

log = logging.getLogger(__name__)

UNSTORABLE: tuple[type[Exception], ...] = (
    UnicodeEncodeError,
    asyncpg.CharacterNotInRepertoireError,
    asyncpg.UntranslatableCharacterError,
    asyncpg.DataError,
)
"""What a NUL, or half of a character, comes to; PostgreSQL stores neither."""
UNSTORABLE_TEXT = "A text holds a character that can't be stored (NUL, or half of one)."

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

ANSWER_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
"""What an API's answer carries; a page says more itself."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def problem_response(problem: Problem) -> Response:
    """The problem as `application/problem+json`, with the trace id to quote to support."""
    body = problem.body()
    if trace_id := current_trace_id():
        body["trace_id"] = trace_id
    # escaped, so that whatever a client wrote can be told back
    return Response(
        json.dumps(body, default=str),
        status_code=problem.status,
        headers=problem.headers,
        media_type="application/problem+json",
    )


def install(app: FastAPI) -> None:
    """Problem details for everything that can be refused; nothing else leaves a service."""

    @app.exception_handler(Problem)
    async def _(_: Request, problem: Problem) -> Response:
        return problem_response(problem)

    @app.exception_handler(RequestValidationError)
    async def _(_: Request, error: RequestValidationError) -> Response:
        fields = [
            {
                "field": ".".join(str(p) for p in e["loc"][1:]) or str(e["loc"][0]),
                "message": e["msg"],
            }
            for e in error.errors()
        ]
        return problem_response(Invalid(errors=fields))

    @app.exception_handler(HTTPException)
    async def _(_: Request, error: HTTPException) -> Response:
        title = str(error.detail)
        return problem_response(
            Problem(title, status=error.status_code, slug=f"http-{error.status_code}", title=title)
        )

    async def unstorable(_: Request, error: Exception) -> Response:
        log.info("a text that can't be stored: %s", type(error).__name__)
        return problem_response(Invalid(UNSTORABLE_TEXT))

    for text in UNSTORABLE:
        app.add_exception_handler(text, unstorable)

    async def away(_: Request, error: Exception) -> Response:
        log.warning("database away during a request: %s", type(error).__name__)
        return problem_response(NotReady())

    for kind in AWAY:
        app.add_exception_handler(kind, away)

    @app.exception_handler(Exception)
    async def _(request: Request, error: Exception) -> Response:
        log.error("unexpected at %s %s", request.method, request.url.path, exc_info=error)
        return problem_response(Problem("Quote the trace id to support; nothing was changed."))


BODY_SECONDS = 60.0
"""How long a request may take to arrive: eleven megabytes at 1.5 Mbit/s."""


class Edge:
    """ASGI middleware: bounds the body in size and time, begins or continues the trace of a request."""

    def __init__(
        self,
        app: Callable[[Scope, Receive, Send], Awaitable[None]],
        *,
        max_body: int,
        body_limits: Mapping[str, int] | None = None,
    ) -> None:
        """`body_limits`: paths whose bodies have a limit of their own, in bytes."""
        self.app = app
        self.max_body = max_body
        self.body_limits = body_limits or {}
        self.body_seconds = BODY_SECONDS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(("/health", "/static")):
            await self.app(scope, receive, send)
            return
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        with continued(headers.get("traceparent"), f"{scope['method']} {scope['path']}") as span:
            span.set_attribute("http.request.method", scope["method"])
            span.set_attribute("url.path", scope["path"])
            exchange = Exchange(scope, span)
            limit = self.body_limits.get(scope["path"], self.max_body)
            try:
                length = headers.get("content-length", "0")
                if (
                    length.isascii()
                    and length.isdecimal()
                    and (len(length) > 18 or int(length) > limit)
                ):
                    too_large = problem_response(TooLarge(limit=limit))
                    await too_large(scope, receive, exchange.observed(send))
                    return
                with coming_from(network_of(client_address(Request(scope)))):
                    bounded = self._bounded(receive, exchange, limit)
                    await self.app(scope, bounded, exchange.observed(send))
            finally:
                exchange.end()

    def _bounded(self, receive: Receive, exchange: "Exchange", limit: int) -> Receive:
        seen, over = 0, False
        deadline = asyncio.get_running_loop().time() + self.body_seconds

        async def bounded() -> Message:
            nonlocal seen, over
            if over:  # what follows the body is that the client goes, whenever it does
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise exchange.refuse(TooSlow(seconds=self.body_seconds)) from None
            seen, over = seen + len(message.get("body", b"")), not message.get("more_body", False)
            if seen > limit:
                raise exchange.refuse(TooLarge(limit=limit))
            return message

        return bounded


@dataclass
class Exchange:
    """One request and its answer, as the span and the figures tell it."""

    scope: Scope
    span: trace.Span
    status: int = 500
    """What the outermost handler answers when the application didn't."""
    ended: bool = False
    refusal: Problem | None = None
    """Why the body wasn't read to its end: the answer, whatever became of it inside."""
    began: float = field(default_factory=perf_counter)

    def observed(self, send: Send) -> Send:
        """`send`, with its answer looked at; where the body was refused, that is the answer."""

        async def observed(message: Message) -> None:
            if self.refusal is None:
                await send(self._told(message))
            elif message["type"] == "http.response.start":
                answer = problem_response(self.refusal)
                start = {"type": message["type"], "status": answer.status_code}
                await send(self._told({**start, "headers": answer.raw_headers}))
                await send({"type": "http.response.body", "body": answer.body})

        return observed

    def _told(self, message: Message) -> Message:
        """The message, with the headers that every answer carries."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*message.get("headers", []), (b"x-trace-id", current_trace_id().encode())]
            there = {name.lower() for name, _ in headers}
            message["headers"] = headers + [h for h in ANSWER_HEADERS if h[0] not in there]
            # a stream stays open for as long as somebody looks: its answer is its head
            if any(v.startswith(b"text/event-stream") for _, v in message["headers"]):
                self.end()
        return message

    def refuse(self, problem: Problem) -> Problem:
        """The body is refused; to be raised where it is read."""
        self.refusal = problem
        return problem

    def end(self) -> None:
        """Record it, once, under the route's pattern: addresses hold ids without number."""
        if self.ended:
            return
        self.ended = True
        route = getattr(self.scope.get("route"), "path", "unmatched")
        method = self.scope["method"] if self.scope["method"] in METHODS else "_OTHER"
        attributes = {
            "http.request.method": method,
            "http.route": route,
            "http.response.status_code": self.status,
        }
        metrics.http_requests.record(perf_counter() - self.began, attributes)
        self.span.update_name(f"{method} {route}")
        self.span.set_attribute("http.route", route)
        self.span.set_attribute("http.response.status_code", self.status)
        if self.status >= 500:
            self.span.set_status(Status(StatusCode.ERROR))


def client_address(request: Request) -> str:
    """The client's network address. X-Forwarded-For counts when it comes from a trusted proxy, and
    its last entry only: the rest is whatever the client wrote."""
    address = request.client.host if request.client else ""
    forwarded = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    settings: ServiceSettings = request.app.state.service.settings
    try:
        peer, client = ip_address(address), ip_address(forwarded)
    except ValueError:
        return address
    return str(client) if any(peer in network for network in settings.trusted_proxies) else address


async def anyone(request: Request) -> Principal:
    """Whoever holds a valid token, also one that is good for enrolling a second factor only."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated
    guard: Guard = request.app.state.service.guard
    caller = await guard.principal(token.strip())
    acting_for(caller.company_id)
    return caller


async def bearer(request: Request) -> Principal:
    """The caller, from `Authorization: Bearer …` (RFC 6750), within an API key's scopes."""
    caller = await anyone(request)
    caller.require_enrolled()
    needed = "read" if request.method in SAFE_METHODS else "write"
    if caller.scopes is not None and needed not in caller.scopes:
        raise Forbidden(f"This API key lacks the scope {needed!r}.", slug="scope-missing")
    if request.method not in SAFE_METHODS:
        caller.require_change()
    return caller


SAFE_METHODS = ("GET", "HEAD")

Caller = Annotated[Principal, Depends(bearer)]


async def biller(caller: Caller) -> Principal:
    """The caller, who may invoice; 403 otherwise (P2)."""
    caller.require_billing()
    return caller


def biller_using(*apps: AppName, right: str | None = None) -> Callable[..., Awaitable[Principal]]:
    """The caller, who may invoice, uses these apps and holds `right`; 403 otherwise (P2, P7, D5, D10)."""

    async def allowed(caller: Annotated[Principal, Depends(biller)]) -> Principal:
        for app in apps:
            caller.require_app(app)
        if right is not None:
            caller.require(right)
        return caller

    return allowed


Biller = Annotated[Principal, Depends(biller)]
InvoicesBiller = Annotated[Principal, Depends(biller_using("invoices"))]
"""Looks at documents."""
InvoicesWriter = Annotated[Principal, Depends(biller_using("invoices", right=INVOICING))]
"""Writes and issues them."""
DocumentsKeeper = Annotated[Principal, Depends(biller_using("invoices", right=DOCUMENT_MANAGEMENT))]
"""Decides what becomes of issued ones."""
PurchasesKeeper = Annotated[
    Principal, Depends(biller_using("purchases", "peppol", right=DOCUMENT_MANAGEMENT))
]
"""Looks after received ones; all of them come over Peppol."""
AnyCaller = Annotated[Principal, Depends(anyone)]
