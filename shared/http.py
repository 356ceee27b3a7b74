"""Refusals as answers: RFC 9457 for everything that a service refuses."""

import json
import logging

import asyncpg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from shared.database import AWAY
from shared.logs import told_path
from shared.problems import Invalid, NotReady, Problem
from shared.telemetry import current_trace_id

log = logging.getLogger(__name__)

UNSTORABLE: tuple[type[Exception], ...] = (
    UnicodeEncodeError,
    asyncpg.CharacterNotInRepertoireError,
    asyncpg.UntranslatableCharacterError,
    asyncpg.DataError,
)
"""What a NUL, or half of a character, comes to; PostgreSQL stores neither."""
UNSTORABLE_TEXT = "A text holds a character that can't be stored (NUL, or half of one)."


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
        path = told_path(request.url.path)
        log.error("unexpected at %s %s", request.method, path, exc_info=error)
        return problem_response(Problem("Quote the trace id to support; nothing was changed."))
