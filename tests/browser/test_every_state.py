"""Every page in every state, in three languages, on a desktop and on a phone: axe finds no flaw, nothing
is wider than the window. Pages are those of the router: a new one without a case fails. Colours are judged
in every language: words of another length lie elsewhere. There is one set of them, light."""

import asyncio
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, Route

from services.portal.web import words
from tests.browser import states
from tests.browser.states import State
from tests.matrix.asgi import Answer, request
from tests.matrix.people import Cast
from tests.matrix.platform import PAGES
from tests.matrix.test_matrix import routes_of

WIDTHS = (1280, 360)
TABS = 2
AXE = Axe().axe_script
RUN = (
    "axe.run({resultTypes: ['violations']})"
    ".then(r => r.violations.map(v => v.id + ': ' + v.nodes[0].html))"
)
WIDEST = (
    "() => [...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth)"
    ".slice(-1).map(e => e.outerHTML)"
)
NO_PAGES = {
    "GET /invoices/{invoice_id}/timeline": "a part of the invoice's page",
}
FRAGMENTS = ("text/event-stream", "text/csv", "application/")
"""What isn't looked at but taken away, or listened to."""


async def every_state(cast: Cast, language: str) -> dict[str, tuple[State, Answer]]:
    """Each state's page by its name."""
    wanted = [*states.of_the_matrix(), *states.further(cast.things["owner"])]
    wanted.append(State("GET /operations", "firm", 200, name="operations, the broker away"))
    found = {s.called: (s, await states.answered(cast, s, language)) for s in wanted}
    portal = cast.app.apps["portal"].state
    database, there = cast.app.databases["portal"], portal.owners
    async with database.system_transaction() as conn:
        await states.break_chain(conn, states.BREAKS)
    broken = State("GET /audit", "owner", 200, name="journal, broken chain")
    portal.owners = states.away(cast)
    gone = State("GET /companies/{company_id}/users", "owner", 503, name="503")
    try:
        for state in (broken, gone):
            found[state.called] = (state, await states.answered(cast, state, language))
    finally:
        await portal.owners.client.aclose()
        portal.owners = there
        async with database.system_transaction() as conn:
            await states.break_chain(conn, [])
    return found


def looked_at(answer: Answer) -> bool:
    return b"<!doctype html>" in answer.body[:200].lower()


async def test_every_page_has_a_case(everybody: Cast) -> None:
    """And each case is the page that it says it is."""
    found = await every_state(everybody, "fr")
    wrong = {n: (a.status, s.status) for n, (s, a) in found.items() if a.status != s.status}
    assert wrong == {}
    shown = {s.route for s, a in found.values() if looked_at(a)}
    taken = {s.route for s, a in found.values() if a.header("content-type").startswith(FRAGMENTS)}
    there = {r for r in routes_of(everybody.app.apps["portal"]) if r.startswith("GET ")}
    pages = {name for name in there if states.is_page(name)}
    assert pages - shown - taken - NO_PAGES.keys() - {"GET /"} == set()


@pytest.mark.parametrize("language", words.LANGUAGES)
async def test_no_state_has_a_flaw(everybody: Cast, chromium: Browser, language: str) -> None:
    found = {n: a for n, (_, a) in (await every_state(everybody, language)).items() if looked_at(a)}
    flaws: dict[str, list[str]] = {}
    waiting, served = list(found.items()), _Served(everybody)

    async def tab() -> None:
        page = await (await chromium.new_context()).new_page()
        await page.route("**/*", served.to(page))
        while waiting:
            name, answer = waiting.pop()
            if wrong := await served.flaws(page, answer, language):
                flaws[name] = wrong
        await page.context.close()

    await asyncio.gather(*(tab() for _ in range(TABS)))
    assert flaws == {}


class _Served:
    """Hands pages to tabs: the answer in hand, and the portal's own files; nothing that would ask for more."""

    def __init__(self, cast: Cast) -> None:
        self.app = cast.app.apps["portal"]
        self.now: dict[Page, Answer] = {}
        self.files: dict[str, Answer] = {}

    def to(self, page: Page) -> Any:
        async def handle(route: Route) -> None:
            path = route.request.url.removeprefix(PAGES)
            if path.startswith("/static/") and "/htmx/" not in path:
                if path not in self.files:
                    self.files[path] = await request(self.app, "GET", path, {})
                await _given(route, self.files[path])
            elif route.request.resource_type == "document":
                await _given(route, self.now[page])
            else:
                await route.abort()

        return handle

    async def flaws(self, page: Page, answer: Answer, language: str) -> list[str]:
        self.now[page] = answer
        await page.goto(f"{PAGES}/shown")
        found = [] if await page.locator("html").get_attribute("lang") == language else ["language"]
        await page.evaluate(AXE)
        for width in WIDTHS:
            await page.set_viewport_size({"width": width, "height": 800})
            wrong = await page.evaluate(RUN)
            if await page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                wrong += ["too wide", *await page.evaluate(WIDEST)]
            found += [f"{width}: {text[:160]}" for text in wrong]
        return found


async def _given(route: Route, answer: Answer) -> None:
    headers = {n: v for n, v in answer.headers if n not in ("content-length", "set-cookie")}
    await route.fulfill(status=answer.status, headers=headers, body=answer.body)
