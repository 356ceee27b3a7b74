"""Heads, cookies and addresses that no browser of ours would send: an answer, never an error of ours."""

import base64
import json
import re
from html import unescape
from urllib.parse import quote

import pytest

from tests.adversarial.conftest import World
from tests.adversarial.test_forms import at_home
from tests.adversarial.test_tokens import ROUTES
from tests.matrix.asgi import request
from tests.platform import PASSWORD

DEEP = 20_000


def told(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


DEEP_JSON = told("[" * DEEP)
HALVES = [f"{DEEP_JSON}.e30.x", f"e30.{DEEP_JSON}.x", f"{told('{' + chr(34) + 'kid' * DEEP)}.e30.x"]


@pytest.mark.parametrize("token", HALVES, ids=["head", "claims", "no end"])
async def test_a_token_that_nests_without_end_is_refused(world: World, token: str) -> None:
    company = world.person("owner").company_id
    for service, path in ROUTES.items():
        answer = await world.api(service, "GET", path.format(company=company), f"Bearer {token}")
        assert answer.status == 401, (service, answer.body[:200])
    for path in ("/me", "/working-company", "/sign-in"):
        page = await world.page("GET", path, cookie=f"facteur_token={token}")
        assert page.status in (200, 303), (path, page.status)


@pytest.mark.parametrize("depth", [40, 850, 880, 990, DEEP])
async def test_a_passkey_that_nests_without_end_is_refused(world: World, depth: int) -> None:
    owner = world.person("owner")
    nested = '{"rawId":' + '{"a":' * depth + "1" + "}" * depth + "}"
    body = {"name": "Clé", "password": PASSWORD, "credential": nested}
    for path in ("/me/security/passkeys/new", "/sign-in/second-step"):
        answer = await world.page("POST", path, owner, world.form(owner) | body)
        assert answer.status < 500, (path, answer.status)


UNREADABLE = [
    "//[",
    "/[",
    "//[::1",
    "//℀",
    "/%5B",
    "//[x]",
    "http://[",
    "//a]b[",
    "https://℀.example",
]


@pytest.mark.parametrize("wanted", UNREADABLE)
async def test_an_address_that_can_t_be_read_leads_home(world: World, wanted: str) -> None:
    owner = world.person("owner")
    there = quote(wanted, safe="")
    for path in ("/sign-in", "/sign-in/second-step", "/working-company"):
        shown = await world.page("GET", f"{path}?next={there}", owner)
        assert shown.status in (200, 303), (path, shown.status)
        assert at_home(shown.header("location") or "/")
    form = {"email": owner.email, "password": PASSWORD, "next": wanted}
    signed_in = await world.page("POST", "/sign-in", None, form)
    assert signed_in.status == 303
    assert at_home(signed_in.header("location"))


@pytest.mark.parametrize("origin", ["http://[", "http://℀", "://", "http://[::1", "\xff"])
async def test_an_origin_that_can_t_be_read_is_another_site(world: World, origin: str) -> None:
    form = {"email": world.person("owner").email, "password": PASSWORD}
    sent = origin.encode().decode("latin-1")
    answer = await world.page("POST", "/sign-in", None, form, origin=sent)
    assert answer.status == 403


AT_THE_END = ["0001-01-01", "9999-12-31"]


@pytest.mark.parametrize("day", AT_THE_END)
@pytest.mark.parametrize("name", ["start", "end"])
async def test_days_at_the_end_of_time_are_no_days_of_the_journal(
    world: World, name: str, day: str
) -> None:
    owner = world.person("owner")
    for path in ("/audit", "/audit/export.csv", "/audit/export.xlsx"):
        answer = await world.page("GET", f"{path}?{name}={day}", owner)
        assert answer.status == 422, (path, answer.status)
    for day_time in (f"{day}T00:00:00", f"{day}T23:59:59-14:00", f"{day}T00:00:00%2B14:00"):
        for form in ("json", "csv", "xlsx"):
            path = f"/api/v1/companies/{owner.company_id}/audit?format={form}&{name}={day_time}"
            answer = await world.api("portal", "GET", path, owner)
            assert answer.status < 500, (path, answer.status)


@pytest.mark.parametrize("name", ["action", "person", "document", "actor", "subject"])
async def test_a_filter_that_can_t_be_looked_for_is_refused_before_a_file_begins(
    world: World, name: str
) -> None:
    owner = world.person("owner")
    for path in ("/audit", "/audit/export.csv", "/audit/export.xlsx"):
        answer = await world.page("GET", f"{path}?{name}=a%00b", owner)
        known = name in ("action", "person", "document")
        assert answer.status == (422 if known else 200), (path, answer.status)
    for form in ("json", "csv", "xlsx"):
        path = f"/api/v1/companies/{owner.company_id}/audit?format={form}&{name}=a%00b"
        answer = await world.api("portal", "GET", path, owner)
        assert answer.status == (422 if name in ("action", "actor", "subject") else 200), path


async def test_a_browser_whose_name_is_not_english_signs_in(world: World) -> None:
    form = {"email": world.person("owner").email, "password": PASSWORD}
    answer = await world.page("POST", "/sign-in", None, form, user_agent="Navigateur de Zoé \xe9")
    assert answer.status == 303


@pytest.mark.parametrize("value", ['"a\\012b"', "caf\xe9", '"a\\000b"', "a b"])
async def test_a_session_that_we_never_gave_is_none(world: World, value: str) -> None:
    form = {"email": world.person("owner").email, "password": PASSWORD}
    cookie = f"facteur_session={value}"
    assert (await world.page("GET", "/me", cookie=cookie)).status == 303
    assert (await world.page("POST", "/sign-in", None, form, cookie=cookie)).status == 303


@pytest.mark.parametrize("version", ["1\r\nX-Evil: 1", "é", "1\x00", "1\n"])
@pytest.mark.parametrize("kind", ["customer", "product"])
async def test_a_version_never_becomes_another_header(
    world: World, kind: str, version: str
) -> None:
    owner, things = world.person("owner"), world.things()
    asked: list[bytes] = []

    async def noted(request_of: object) -> None:
        asked.extend(value for _, value in request_of.headers.raw)  # type: ignore[attr-defined]

    client = world.apps["portal"].state.owners.client
    client.event_hooks["request"].append(noted)
    try:
        path = f"/{kind}s/{things[f'{kind}_id']}"
        answer = await world.page("POST", path, owner, world.form(owner) | {
            "name": "Autre", "version": version, "email": "", "price": "1", "vat": "S:20",
            "address.country": "FR",
        })  # fmt: skip
    finally:
        client.event_hooks["request"].remove(noted)
    assert answer.status in (303, 409, 422), answer.status
    assert all(value.isascii() and value.decode().isprintable() for value in asked)


async def test_back_from_the_legal_information_leads_nowhere_else(world: World) -> None:
    owner = world.person("owner")
    path = f"/companies/{owner.company_id}/legal-information"
    for wanted in (
        "https://evil.example/",
        "//evil.example",
        "javascript:alert(1)",
        "/\\evil.example",
    ):
        shown = await world.page("GET", f"{path}?next={quote(wanted, safe='')}", owner)
        refused = await world.page("POST", path, owner, world.form(owner) | {"next": wanted})
        for answer in (shown, refused):
            assert answer.status in (200, 422)
            links = re.findall(r'(?:href|name="next" value)="([^"]*)"', answer.body.decode())
            away = [link for link in links if link[:1] != "#" and not at_home(unescape(link))]
            assert away == []


async def test_a_page_in_the_place_of_a_file_is_kept_by_nobody(world: World) -> None:
    owner = world.person("owner")
    for path in ("/static/nothing.css", "/static/portal/nothing.css?lang=nl", "/static/me"):
        answer = await world.page("GET", path, owner)
        assert (answer.status, answer.header("cache-control")) == (404, "no-store"), path
    there = await world.page("GET", "/static/portal/portal.css")
    assert (there.status, there.header("cache-control")) == (200, "public, max-age=3600")
    assert there.header("x-content-type-options") == "nosniff"


MULTIPART = [
    "undefined",
    "punycode",
    "idna",
    "unicode_escape",
    "hex",
    "utf-7",
    "nonsense",
    "utf-16",
]


@pytest.mark.parametrize("charset", MULTIPART)
async def test_a_form_in_any_alphabet_is_answered(world: World, charset: str) -> None:
    parts = b"".join(
        b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % pair
        for pair in (
            (b"email", b"\\ud800@\xff.example"),
            (b"password", b"xn--\xff"),
            (b"\xff", b"1"),
        )
    )
    headers = {
        "content-type": f"multipart/form-data; boundary=x; charset={charset}",
        "origin": "http://facteur.test", "host": "facteur.test",
    }  # fmt: skip
    answer = await request(world.apps["portal"], "POST", "/sign-in", headers, parts + b"--x--\r\n")
    assert answer.status < 500, answer.status


async def test_what_is_told_twice_is_no_failure(world: World) -> None:
    """Fields and parameters that stand several times, and none of the value that is meant."""
    owner = world.person("owner")
    hidden = "&".join(f"{n}={v}" for n, v in world.form(owner).items())
    headers = {
        "cookie": f"facteur_session={owner.session}; facteur_token={owner.token}",
        "origin": "http://facteur.test", "content-type": "application/x-www-form-urlencoded",
    }  # fmt: skip
    for twice in (
        f"_company=x&{hidden}",
        f"{hidden}&_company=x",
        f"{hidden}&_company={owner.company_id}",
    ):
        answer = await request(
            world.apps["portal"],
            "POST",
            "/me",
            headers,
            f"{twice}&first_name=A&first_name=B".encode(),
        )
        assert answer.status < 500
    for path in (
        "/audit?before=1&before=x",
        "/companies?size=1&size=2",
        "/invoices?start=&start=x",
    ):
        assert (await world.page("GET", path, owner)).status < 500


def claims_with(**changed: object) -> str:
    return f"e30.{told(json.dumps(changed))}.x"


@pytest.mark.parametrize(
    "claims",
    [{"exp": 10**15, "cid": "x"}, {"exp": -1, "cid": {"a": 1}}, {"exp": 1e400}, {"cid": ["\ud800"]},
     {"exp": True, "cid": 7}, {"exp": None, "cid": "é"}],
)  # fmt: skip
async def test_a_token_that_says_anything_of_itself_is_refused(
    world: World, claims: dict[str, object]
) -> None:
    owner = world.person("owner")
    for session in ("", owner.session):
        cookie = f"facteur_token={claims_with(**claims)}; facteur_session={session}"
        for path in ("/me", "/working-company", "/nothing-here"):
            answer = await world.page("GET", path, cookie=cookie)
            assert answer.status < 500, (path, answer.status)
