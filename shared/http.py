"""HTTP edge of every service: problems as RFC 9457, bounded bodies, a trace, the caller."""

import json
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from ipaddress import ip_address
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from opentelemetry import trace
from opentelemetry.trace import Status, StatusCode
from starlette.exceptions import HTTPException

from shared.access.guard import Guard, Principal
from shared.database import TRANSIENT, UNAVAILABLE
from shared.problems import Forbidden, Invalid, NotReady, Problem, TooLarge, Unauthenticated
from shared.settings import ServiceSettings
from shared.telemetry import continued, current_trace_id

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def problem_response(problem: Problem) -> JSONResponse:
    """The problem as `application/problem+json`, with the trace id to quote to support."""
    body = problem.body()
    if trace_id := current_trace_id():
        body["trace_id"] = trace_id
    return JSONResponse(
        json.loads(json.dumps(body, default=str)),
        status_code=problem.status,
        headers=problem.headers,
        media_type="application/problem+json",
    )


def install(app: FastAPI) -> None:
    """Problem details for everything that can be refused; nothing else leaves a service."""

    @app.exception_handler(Problem)
    async def _(_: Request, problem: Problem) -> JSONResponse:
        return problem_response(problem)

    @app.exception_handler(RequestValidationError)
    async def _(_: Request, error: RequestValidationError) -> JSONResponse:
        fields = [
            {
                "field": ".".join(str(p) for p in e["loc"][1:]) or str(e["loc"][0]),
                "message": e["msg"],
            }
            for e in error.errors()
        ]
        return problem_response(Invalid(errors=fields))

    @app.exception_handler(HTTPException)
    async def _(_: Request, error: HTTPException) -> JSONResponse:
        title = str(error.detail)
        return problem_response(
            Problem(title, status=error.status_code, slug=f"http-{error.status_code}", title=title)
        )

    async def away(_: Request, error: Exception) -> JSONResponse:
        log.warning("database away during a request: %s", type(error).__name__)
        return problem_response(NotReady())

    for kind in (*UNAVAILABLE, *TRANSIENT):
        app.add_exception_handler(kind, away)

    @app.exception_handler(Exception)
    async def _(request: Request, error: Exception) -> JSONResponse:
        log.error("unexpected at %s %s", request.method, request.url.path, exc_info=error)
        return problem_response(Problem("Quote the trace id to support; nothing was changed."))


class Edge:
    """ASGI middleware: bounds the body, begins or continues the trace of a request."""

    def __init__(
        self, app: Callable[[Scope, Receive, Send], Awaitable[None]], *, max_body: int
    ) -> None:
        self.app = app
        self.max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(("/health", "/static", "/metrics")):
            await self.app(scope, receive, send)
            return
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        with continued(headers.get("traceparent"), f"{scope['method']} {scope['path']}") as span:
            span.set_attribute("http.request.method", scope["method"])
            span.set_attribute("url.path", scope["path"])
            length = headers.get("content-length", "0")
            if length.isdigit() and int(length) > self.max_body:
                await problem_response(TooLarge(limit=self.max_body))(scope, receive, send)
                return
            await self.app(scope, self._bounded(receive), self._observed(send, span))

    def _bounded(self, receive: Receive) -> Receive:
        seen = 0

        async def bounded() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.max_body:
                raise TooLarge(limit=self.max_body)
            return message

        return bounded

    @staticmethod
    def _observed(send: Send, span: trace.Span) -> Send:
        async def observed(message: Message) -> None:
            if message["type"] == "http.response.start":
                span.set_attribute("http.response.status_code", message["status"])
                if message["status"] >= 500:
                    span.set_status(Status(StatusCode.ERROR))
                message["headers"] = [
                    *message.get("headers", []),
                    (b"x-trace-id", current_trace_id().encode()),
                    (b"x-content-type-options", b"nosniff"),
                ]
            await send(message)

        return observed


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
    return await guard.principal(token.strip())


async def bearer(request: Request) -> Principal:
    """The caller, from `Authorization: Bearer …` (RFC 6750), within an API key's scopes."""
    caller = await anyone(request)
    if caller.two_factor_pending:
        raise Forbidden(
            "Your company requires two-factor authentication; enrol an authenticator app first.",
            slug="second-factor-enrolment",
        )
    needed = "read" if request.method in SAFE_METHODS else "write"
    if caller.scopes is not None and needed not in caller.scopes:
        raise Forbidden(f"This API key lacks the scope {needed!r}.", slug="scope-missing")
    return caller


SAFE_METHODS = ("GET", "HEAD")

Caller = Annotated[Principal, Depends(bearer)]


async def biller(caller: Caller) -> Principal:
    """The caller, who may invoice; 403 otherwise (P2)."""
    caller.require_billing()
    return caller


Biller = Annotated[Principal, Depends(biller)]
AnyCaller = Annotated[Principal, Depends(anyone)]
