"""Forms from elsewhere, sessions planted beforehand, addresses that lead away."""

import re
from string import Template
from urllib.parse import quote, unquote, urlsplit

import pytest

from services.portal.web.session import form_token
from tests.adversarial.conftest import World
from tests.matrix.people import Cast, Person
from tests.matrix.platform import PAGES
from tests.matrix.source import ALLOWED, Route, source
from tests.platform import PASSWORD


def forms() -> list[Route]:
    """Every form of the portal, from the matrix, so that none is forgotten."""
    return [
        route for route in source().routes
        if route.service == "portal" and route.method == "POST" and "/api/" not in route.path
    ]  # fmt: skip


def who_may(route: Route) -> str:
    """Somebody whom the table lets through; where there is none, an owner, who is refused as well."""
    unfit = ("nobody", "signed out", "not enrolled")
    may = [p for p, a in route.answers().items() if a == ALLOWED and p not in unfit]
    return may[0] if may else "owner"


def filled(route: Route, cast: Cast) -> tuple[Person, str, dict[str, str]]:
    """Somebody who may send the form, its address, its fields as they should be."""
    name = who_may(route)
    person, things = cast.people[name], cast.things[name]
    given = {n: things[t] for n, t in route.given.items()}
    path = Template(route.path.replace("{", "${")).substitute(things, **given)
    body = Template(route.body).substitute(things)
    fields = dict(pair.split("=", 1) for pair in body.split("&") if pair)
    return person, path, {n: unquote(v.replace("+", " ")) for n, v in fields.items()}


async def sent(world: World, route: Route, cast: Cast, **how: str) -> tuple[int, int]:
    """Send the form as somebody who may; its status, and how many events came of it."""
    person, path, fields = filled(route, cast)
    hidden = world.form(person)
    if "form" in how:
        hidden["_form"] = how.pop("form")
    before = await world.written()
    answer = await world.page("POST", path, person, hidden | fields, **how)
    return answer.status, await world.written() - before


@pytest.mark.parametrize("route", forms(), ids=lambda r: r.path)
async def test_a_form_from_another_site_does_nothing(world: World, route: Route) -> None:
    for origin in (
        "https://evil.example",
        "null",
        f"{PAGES}.evil.example",
        "http://facteur.test:81",
    ):
        assert await sent(world, route, world.cast, origin=origin) == (403, 0), origin
    for fetched in ("cross-site", "same-site"):
        assert await sent(world, route, world.cast, sec_fetch_site=fetched) == (403, 0), fetched
    assert await sent(world, route, world.cast, origin="") == (403, 0)


@pytest.mark.parametrize("route", forms(), ids=lambda r: r.path)
async def test_a_form_of_another_session_does_nothing(world: World, route: Route) -> None:
    if (
        route.policy.name == "open"
    ):  # sent without a session: it has to come from our site, that's all
        return
    others = form_token(world.person("outsider").session)
    for form in ("", "x", others, form_token("")):
        assert await sent(world, route, world.cast, form=form) == (403, 0), form


async def test_no_page_changes_anything_by_being_looked_at(world: World) -> None:
    from tests.matrix.trying import tried

    pages = [r for r in source().routes if r.service == "portal" and r.method == "GET"]
    await undo(world)
    found = {r.path: (await tried(world.cast, r, who_may(r))).published for r in pages}
    await begin(world)
    # that somebody has opened a document is a fact of its own, told once
    told = {path for path, published in found.items() if published}
    assert told <= {p for p in found if p.endswith(("/original", "/readable"))}
    assert all(published <= 1 for published in found.values())


async def begin(world: World) -> None:
    for database in world.cast.app.databases.values():
        await database.begin()


async def undo(world: World) -> None:
    for database in world.cast.app.databases.values():
        await database.undo()


async def test_a_session_planted_before_signing_in_is_replaced(world: World) -> None:
    owner, attacker = world.person("owner"), world.person("outsider")
    answer = await world.page(
        "POST", "/sign-in", attacker, {"email": owner.email, "password": PASSWORD}
    )
    assert answer.status == 303
    cookies = answer.cookies()
    assert len(cookies["facteur_session"]) >= 43
    assert cookies["facteur_session"] not in (attacker.session, owner.session)
    assert attacker.session not in answer.header("location")
    me = await world.api("identity", "GET", "/v1/sessions/current/companies",
                         f"Session {attacker.session}")  # fmt: skip
    assert me.status == 401
    page = await world.page("GET", "/me", attacker)
    assert (page.status, page.header("location").partition("?")[0]) == (303, "/sign-in")


async def test_cookies_are_kept_from_scripts_and_other_sites(world: World) -> None:
    owner = world.person("owner")
    answer = await world.page(
        "POST", "/sign-in", None, {"email": owner.email, "password": PASSWORD}
    )
    set_cookies = [v for n, v in answer.headers if n == "set-cookie"]
    assert len(set_cookies) >= 2
    for cookie in set_cookies:
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "Domain" not in cookie


ELSEWHERE = [
    "https://evil.example/", "//evil.example/", "///evil.example", "/\\evil.example", "\\\\evil.example",
    "http:evil.example", "/\t/evil.example", "/%09/evil.example", "javascript:alert(1)", "/\n//evil.example",
    "//evil.example/%2f..", "https:/evil.example", ".evil.example", "@evil.example", "/\u2028/evil.example",
]  # fmt: skip


@pytest.mark.parametrize("wanted", ELSEWHERE)
async def test_signing_in_leads_nowhere_else(world: World, wanted: str) -> None:
    owner = world.person("owner")
    form = {"email": owner.email, "password": PASSWORD, "next": wanted}
    signed_in = await world.page("POST", "/sign-in", None, form)
    assert at_home(signed_in.header("location")), signed_in.header("location")
    chosen = await world.page("POST", "/working-company", owner,
                              world.form(owner) | {"company_id": owner.company_id, "next": wanted},
                              )  # fmt: skip
    assert at_home(chosen.header("location"))
    shown = await world.page("GET", f"/sign-in?next={quote(wanted, safe='')}")
    hidden = re.search(rb'name="next" value="([^"]*)"', shown.body)
    assert hidden
    assert at_home(hidden.group(1).decode())


def at_home(location: str) -> bool:
    """As a browser reads it: backslashes are slashes, tabs and line ends are nothing."""
    read = re.sub(r"[\t\r\n]", "", location).replace("\\", "/")
    parts = urlsplit(read)
    return read.startswith("/") and not read.startswith("//") and not (parts.scheme or parts.netloc)


async def test_a_host_header_names_no_address_of_ours(world: World) -> None:
    """Links in pages, redirects and mails never take the name that a client claims we have."""
    owner = world.person("owner")
    for name in ("host", "x_forwarded_host", "forwarded"):
        evil = {name: "host=evil.example" if name == "forwarded" else "evil.example"}
        for path in ("/sign-in", "/me", "/customers", "/nothing-here"):
            answer = await world.page("GET", path, owner, None, **evil)
            assert b"evil.example" not in answer.body
            assert all("evil.example" not in value for _, value in answer.headers)
        away = await world.page("GET", "/me", None, None, **evil)
        assert away.header("location").startswith("/sign-in")
