"""The edge of every service, ASGI middleware: bounded bodies, a trace, the headers that answers carry."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from fastapi import Request
from opentelemetry import trace
from opentelemetry.trace import Status, StatusCode

from shared import metrics
from shared.callers import client_address
from shared.http import problem_response
from shared.logs import told_path
from shared.origin import coming_from, network_of
from shared.problems import Problem, TooLarge, TooSlow
from shared.telemetry import continued, current_trace_id

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
        path = told_path(scope["path"])
        with continued(headers.get("traceparent"), f"{scope['method']} {path}") as span:
            span.set_attribute("http.request.method", scope["method"])
            span.set_attribute("url.path", path)
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
