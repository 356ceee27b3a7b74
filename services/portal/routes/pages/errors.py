"""Refusals as pages, in the reader's language, with the trace id to quote."""

import logging
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException

from services.portal.web import session
from services.portal.web.problems import problem_text
from services.portal.web.visitor import Visitor, language_of
from shared.database import UNAVAILABLE
from shared.http import UNSTORABLE, UNSTORABLE_TEXT, problem_response
from shared.logs import told_path
from shared.problems import Invalid, NotFound, NotReady, Problem

log = logging.getLogger(__name__)

ENDED = ("unauthenticated",)
UNFINISHED = {
    "second-factor-needed": "/sign-in/second-step",
    "second-factor-enrolment": "/me/security",
    "access-ended": "/working-company",
    "choose-company": "/working-company",
}
"""Refusals that lead on to the step of signing in that is still to be done, or to be done again."""


def install(app: FastAPI) -> None:
    """Takes the place of the problem details for everything that isn't the API."""

    @app.exception_handler(Problem)
    async def _(request: Request, problem: Problem) -> Response:
        return answered(request, problem)

    @app.exception_handler(HTTPException)
    async def _(request: Request, error: HTTPException) -> Response:
        title = str(error.detail)
        slug = "not-found" if error.status_code == 404 else f"http-{error.status_code}"
        return answered(request, Problem(title, status=error.status_code, slug=slug, title=title))

    @app.exception_handler(RequestValidationError)
    async def _(request: Request, error: RequestValidationError) -> Response:
        fields = [
            {"field": ".".join(str(p) for p in e["loc"][1:]), "message": e["msg"]}
            for e in error.errors()
        ]
        return answered(request, Invalid(errors=fields) if _is_api(request) else NotFound())

    async def unstorable(request: Request, error: Exception) -> Response:
        log.info("a text that can't be stored: %s", type(error).__name__)
        return answered(request, Invalid(UNSTORABLE_TEXT))

    for text in UNSTORABLE:
        app.add_exception_handler(text, unstorable)

    async def away(request: Request, error: Exception) -> Response:
        log.warning("database away during a request: %s", type(error).__name__)
        return answered(request, NotReady())

    for kind in UNAVAILABLE:
        app.add_exception_handler(kind, away)


def unexpected(request: Request, error: Exception) -> Response:
    """The page of what nobody foresaw."""
    log.error("unexpected at %s %s", request.method, told_path(request.url.path), exc_info=error)
    return answered(request, Problem())


def answered(request: Request, problem: Problem) -> Response:
    """The page of a refusal; the sign-in page, with a way back, for somebody whose session ended."""
    if _is_api(request):
        return problem_response(problem)
    if problem.status == 401 and problem.slug in ENDED:
        return _sign_in(request)
    if problem.slug in UNFINISHED:
        if problem.status == 401:
            session.set_cookie(request, "token", "")
        return _elsewhere(request, UNFINISHED[problem.slug])
    visitor = getattr(request.state, "visitor", None) or Visitor(request, language_of(request))
    answer: Response = visitor.page(
        "error.html",
        status=problem.status,
        status_code=problem.status,
        slug=problem.slug,
        said=problem_text(visitor.language, problem),
    )
    for name, value in problem.headers.items():
        answer.headers[name] = value
    return answer


def _is_api(request: Request) -> bool:
    return request.url.path.startswith(("/api/", "/health", "/openapi.json"))


def _sign_in(request: Request) -> Response:
    session.set_cookie(request, "token", "")
    wanted = request.url.path if request.method == "GET" else "/"
    if request.method == "GET" and request.url.query:
        wanted += f"?{request.url.query}"
    address = "/sign-in" if wanted == "/" else f"/sign-in?next={quote(wanted, safe='')}"
    return _elsewhere(request, address)


def _elsewhere(request: Request, address: str) -> Response:
    if request.headers.get("hx-request") == "true":
        return Response(status_code=401, headers={"HX-Redirect": address})
    return RedirectResponse(address, status_code=303)
