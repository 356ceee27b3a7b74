"""What every answer carries, and what no page holds: inline script, inline style, another site."""

import re
from html.parser import HTMLParser

import pytest

from services.portal.web.edge import CONTENT_SECURITY_POLICY, PageEdge
from tests.adversarial.conftest import World
from tests.matrix.asgi import Answer
from tests.matrix.source import ALLOWED, Route, source
from tests.matrix.trying import tried


class Inspected(HTMLParser):
    """What a strict policy would block."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self._in = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in = tag
        for name, value in attrs:
            if name == "style" or name.startswith(("on", "hx-on")):
                self.wrong.append(f"<{tag} {name}={value!r}>")
            external = re.match(r"(?i)\s*(https?:|//|data:|javascript:)", value or "")
            picture = tag == "img" and (value or "").startswith("data:image/")
            if name in ("src", "action", "formaction", "data") and external and not picture:
                self.wrong.append(f"<{tag} {name}={value!r}>")
            if tag in ("link", "base") and name == "href" and external:
                self.wrong.append(f"<{tag} {name}={value!r}>")
            if name == "href" and re.match(r"(?i)\s*javascript:", value or ""):
                self.wrong.append(f"<{tag} {name}={value!r}>")
        if tag in ("style", "iframe", "object", "embed", "base"):
            self.wrong.append(f"<{tag}>")

    def handle_data(self, data: str) -> None:
        if self._in == "script" and data.strip():
            self.wrong.append(f"inline script: {data.strip()[:60]}")

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002
        self._in = ""


def pages() -> list[Route]:
    return [
        r for r in source().routes
        if r.service == "portal" and not r.path.startswith(("/api/", "/health", "/openapi"))
    ]  # fmt: skip


def strict(answer: Answer) -> None:
    policy = answer.header("content-security-policy")
    assert policy == CONTENT_SECURITY_POLICY
    directives = dict(d.strip().partition(" ")[::2] for d in policy.split(";"))
    assert directives["default-src"] == "'self'"
    assert "unsafe" not in policy
    assert "*" not in policy
    for name in ("frame-ancestors", "object-src", "base-uri"):
        assert directives[name] == "'none'"
    assert directives["form-action"] == "'self'"
    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.header("referrer-policy") == "same-origin"
    assert answer.header("cache-control") == "no-store"
    assert answer.header("x-frame-options") == "DENY"
    assert not answer.header("server")
    assert len([1 for n, _ in answer.headers if n == "content-security-policy"]) == 1
    if answer.header("content-type").startswith("text/html"):
        assert Inspected(answer.body.decode()).wrong == []


@pytest.mark.parametrize("route", pages(), ids=lambda r: r.name)
async def test_every_page_is_strict_for_whoever_sees_it(world: World, route: Route) -> None:
    """For somebody who gets through, for somebody who is refused, and for nobody in particular."""
    answers = route.answers()
    people = [
        next((p for p, a in answers.items() if a == ALLOWED and "key" not in p), "owner"),
        "nobody",
    ]
    people += [p for p, a in answers.items() if a in ("403", "404")][:2]
    for database in world.cast.app.databases.values():
        await database.undo()
    for person in people:
        strict((await tried(world.cast, route, person)).answer)
    for database in world.cast.app.databases.values():
        await database.begin()


async def test_pages_that_arent_there_are_strict_too(world: World) -> None:
    for path in (
        "/nothing",
        "/companies/not-an-id",
        "/static/nothing.js",
        "/sign-in/../../etc/passwd",
    ):
        answer = await world.page("GET", path)
        assert answer.status == 404
        if not path.startswith("/static/"):
            strict(answer)


@pytest.mark.parametrize("service", ["identity", "billing", "delivery", "portal"])
async def test_apis_answer_nothing_that_a_browser_would_run(world: World, service: str) -> None:
    for route in source().routes:
        if route.service != service or (service == "portal" and "/api/" not in route.path):
            continue
        if route.path.startswith("/health"):
            continue
        answer = await world.api(service, route.method, "/v1/nothing-here", world.person("owner"))
        answer = answer if route.method == "GET" else await world.api(
            service, "GET", route.path, world.person("owner"))  # fmt: skip
        assert answer.header("x-content-type-options") == "nosniff"
        assert answer.header("cache-control") == "no-store"
        policy = answer.header("content-security-policy")
        assert policy.startswith(("default-src 'none'", "default-src 'self'"))
        assert not answer.header("content-type").startswith("text/html") or service == "portal"


def test_over_https_browsers_are_told_to_stay_there() -> None:
    async def nothing(*_: object) -> None: ...

    def unexpected(*_: object) -> None: ...

    secure = PageEdge(nothing, secure=True, unexpected=unexpected)  # type: ignore[arg-type]
    assert any(name == b"strict-transport-security" for name, _ in secure.headers)
