"""Every form works without JavaScript: found on the page that a person sees, filled as the access matrix
fills it, sent by its own button, and answered. Routes are the router's: a new form without a page fails."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Template
from urllib.parse import parse_qsl, urlsplit

import lxml.html
from playwright.async_api import Browser, Page, Route

from tests.browser.states import State, answered
from tests.browser.test_every_state import every_state, looked_at
from tests.matrix.asgi import Answer
from tests.matrix.people import Cast
from tests.matrix.platform import PAGES
from tests.matrix.source import source
from tests.matrix.test_matrix import routes_of
from tests.platform import PASSWORD

HERE = Path(__file__).parent
ELSEWHERE = {
    "POST /companies/portal/deployments/{deployment_id}/retry":
        "test_admin_deployment.py::test_from_the_list_to_a_result_for_each_company",
    "POST /working-company/invitations/{membership_id}":
        "test_people_settings.py::test_several_companies_one_email",
    "POST /sign-up/confirm/{secret}":
        "test_people_sign_up.py::test_sign_up_is_confirmed_by_mail_and_invitations_go_to_the_invited_alone",
    "POST /operations/dead-letters":
        "../integration/portal/test_operations.py::"
        "test_a_dead_letter_is_shown_with_its_reason_and_put_back",
}  # fmt: skip
"""Forms on pages that need more than the matrix has, and the test that sends them without JavaScript."""
NEEDS_SCRIPT = {"POST /me/security/passkeys/new", "POST /me/security/passkeys/{passkey_id}/remove"}
"""Browsers give a passkey to a script only; without one there is none to remove."""
ANSWERS = {200, 303, 401, 402, 409, 410, 422}
"""A form that came as it should: taken, or refused by what it says. Not 403, not 404, not 500."""
TYPED = {"email": "a@example.org", "password": PASSWORD, "number": "1", "date": "2027-01-31"}


@dataclass(frozen=True)
class Form:
    """Where a form stands: on whose page, the which-th of it."""

    route: str
    person: str
    page: Answer
    place: int


def posts(cast: Cast) -> set[str]:
    return {r for r in routes_of(cast.app.apps["portal"])
            if r.startswith("POST ") and not r.startswith("POST /api/")}  # fmt: skip


def forms_of(state: State, answer: Answer, routes: list[str]) -> Iterator[Form]:
    for place, form in enumerate(lxml.html.fromstring(answer.body).iter("form")):
        buttons = [b.get("formaction") for b in form.iter("button")]
        for action in [form.get("action"), *buttons]:
            if (form.get("method") or "").lower() == "post" and action:
                path = urlsplit(action).path
                route = next((r for r in routes if re.fullmatch(_pattern(r), path)), None)
                assert route, f"{state.called}: a form for {path}, which nobody answers"
                yield Form(route, state.person, answer, place)


def _pattern(route: str) -> str:
    return re.sub(r"\{[a-z_]+\}", "[^/]+", route.removeprefix("POST "))


async def test_every_form_is_sent_and_answered_without_javascript(
    everybody: Cast, chromium: Browser
) -> None:
    routes = sorted(posts(everybody), key=lambda r: (r.count("{"), r))
    there: dict[str, Form] = {}
    for state, answer in (await every_state(everybody, "fr")).values():
        if looked_at(answer):
            for form in forms_of(state, answer, routes):
                there.setdefault(form.route, form)
    assert sorted(set(routes) - there.keys() - ELSEWHERE.keys() - NEEDS_SCRIPT) == []
    for named in ELSEWHERE.values():
        file, _, test = named.partition("::")
        assert f"def {test}(" in (HERE / file).read_text("utf-8")
    page = await (await chromium.new_context(java_script_enabled=False)).new_page()
    wrong = {}
    for route, form in there.items():
        if route in NEEDS_SCRIPT:
            continue
        status = await sent(everybody, page, form)
        if status not in ANSWERS:
            wrong[route] = status
    assert wrong == {}


async def sent(cast: Cast, page: Page, form: Form) -> int | str:
    """Fill the form and press its button; the status that the portal answers with."""
    declared = next(r for r in source().routes if r.service == "portal" and r.name == form.route)
    wanted = dict(parse_qsl(Template(declared.body).safe_substitute(cast.things[form.person])))
    got: list[tuple[str, str]] = []

    async def handle(route: Route) -> None:
        path = route.request.url.removeprefix(PAGES)
        if route.request.method == "POST":
            got.append((path, route.request.post_data or ""))
            await route.fulfill(status=200, body="sent")
        elif path.startswith("/static/"):
            await route.abort()
        else:
            headers = {n: v for n, v in form.page.headers if n == "content-type"}
            await route.fulfill(status=200, headers=headers, body=form.page.body)

    await page.unroute_all()
    await page.route("**/*", handle)
    await page.goto(f"{PAGES}/shown")
    if trouble := await fill(page, form, wanted):
        return trouble
    if not got:
        return "nothing was sent"
    path, body = got[0]
    state = State(f"POST {path}", form.person, 200, body=body)
    return (await answered(cast, state, "fr")).status


async def fill(page: Page, form: Form, wanted: dict[str, str]) -> str:
    """Type what the matrix says and what the form requires besides; press. What is in the way, or nothing."""
    shown = page.locator("form").nth(form.place)
    if await shown.locator("xpath=ancestor::details").count():
        await shown.locator("xpath=ancestor::details/summary").first.click()
    pressed = shown.locator("button").first
    for name, value in wanted.items():
        field = shown.locator(f'[name="{name}"]')
        if not await field.count():
            return f"no field {name}"
        kind = await field.first.get_attribute("type") or "text"
        if await field.first.evaluate("e => e.tagName") == "BUTTON":
            pressed = shown.locator(f'button[name="{name}"][value="{value}"]')
        elif kind in ("checkbox", "radio"):
            marked = field if value == "on" else shown.locator(f'[name="{name}"][value="{value}"]')
            await marked.first.check()
        elif await field.first.evaluate("e => e.tagName") == "SELECT":
            await field.select_option(value)
        elif kind != "hidden":
            await field.first.fill(value)
    missing = shown.locator(":invalid:not(fieldset)")
    for _ in range(await missing.count()):
        if not await missing.count():  # one answer may be what several asked for
            break
        field = missing.first
        kind = await field.get_attribute("type") or "text"
        if kind in ("checkbox", "radio"):
            await field.check()
        elif await field.evaluate("e => e.tagName") == "SELECT":
            await field.select_option(index=1)
        else:
            await field.fill(TYPED.get(kind, "x"))
    await pressed.click()
    return ""
