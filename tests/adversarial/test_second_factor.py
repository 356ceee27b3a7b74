"""The second factor: no code works twice, none is guessed, and nothing opens before it."""

import json
import time
from typing import Any

import pyotp
import pytest

from tests.adversarial.conftest import World
from tests.matrix.asgi import Answer, request
from tests.matrix.people import Person
from tests.platform import PASSWORD

STEP = "/v1/sessions/current/second-factor"


def code(secret: str, steps: int = 0) -> str:
    """What the app shows now, or so many half minutes from now."""
    return pyotp.TOTP(secret).at(int(time.time()) + 30 * steps)


async def enrolled(world: World) -> tuple[Person, str, list[str]]:
    """The owner, now with an authenticator app; its secret, and the recovery codes."""
    owner = world.person("owner")
    begun = json.loads(
        (await world.api("identity", "POST", "/v1/me/totp", owner, {"password": PASSWORD})).body
    )
    confirmed = await world.api("identity", "POST", "/v1/me/totp/confirm", owner,
                                {"code": code(begun["secret"], -1)})  # fmt: skip
    assert confirmed.status == 200, confirmed.body
    return owner, begun["secret"], json.loads(confirmed.body)["recovery_codes"]


async def opened(world: World, owner: Person, address: str = "203.0.113.50") -> Answer:
    body = json.dumps({"email": owner.email, "password": PASSWORD}).encode()
    headers = {"content-type": "application/json", "x-forwarded-for": address}
    return await from_proxy(world, "/v1/sessions", headers, body)


async def from_proxy(world: World, path: str, headers: dict[str, str], body: bytes) -> Answer:
    """As the portal would ask: X-Forwarded-For is believed of it."""
    app = world.apps["identity"]

    async def local(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "client": ("127.0.0.1", 1)}, receive, send)

    return await request(local, "POST", path, headers, body)


async def tried(
    world: World, session: str, given: str, address: str = "203.0.113.50"
) -> tuple[int, str]:
    headers = {"authorization": f"Session {session}", "content-type": "application/json",
               "x-forwarded-for": address}  # fmt: skip
    answer = await from_proxy(world, STEP, headers, json.dumps({"code": given}).encode())
    slug = json.loads(answer.body)["type"].rpartition(":")[2] if answer.body else ""
    return answer.status, slug


async def session_of(world: World, owner: Person) -> str:
    return str(json.loads((await opened(world, owner)).body)["session"])


async def token(world: World, session: str) -> int:
    answer = await world.api(
        "identity", "POST", "/v1/sessions/current/token", f"Session {session}", {}
    )
    return answer.status


async def test_a_code_is_refused_the_second_time_and_so_is_every_older_one(world: World) -> None:
    owner, secret, _ = await enrolled(world)
    first = await session_of(world, owner)
    used = code(secret)
    assert (await tried(world, first, used))[0] == 204
    second = await session_of(world, owner)
    for replayed in (used, code(secret, -1), f" {used} ", used):
        assert (await tried(world, second, replayed))[0] in (401, 422), replayed
    assert await token(world, second) == 403


async def test_codes_of_other_times_are_refused(world: World) -> None:
    owner, secret, _ = await enrolled(world)
    session = await session_of(world, owner)
    for steps in (-10, -3, 3, 10):
        assert (await tried(world, session, code(secret, steps)))[0] == 401


async def test_before_the_second_step_a_session_opens_nothing(world: World) -> None:
    owner, _, _ = await enrolled(world)
    session = await session_of(world, owner)
    assert await token(world, session) == 403
    by = f"Session {session}"
    listed = await world.api("identity", "GET", "/v1/sessions/current/companies", by)
    assert owner.company_id.encode() not in listed.body
    page = await world.page("GET", "/me", Person(session=session))
    assert page.status in (303, 403)
    for path in ("/v1/me", "/v1/me/security"):
        assert (await world.api("identity", "GET", path, f"Bearer {session}")).status in (401, 404)


async def test_who_must_enrol_sees_no_page_but_that_one(world: World) -> None:
    person = world.person("not enrolled")
    company = f"/companies/{person.company_id}"
    for path in ("/", "/me", "/companies", "/customers", "/invoices", f"{company}/users",
                 f"{company}/privacy", f"{company}/legal-information", "/me/data"):  # fmt: skip
        page = await world.page("GET", path, person)
        assert page.status == 303, path
        assert page.header("location").startswith("/me/security"), path
    assert (await world.page("GET", "/me/security", person)).status == 200


async def test_five_wrong_codes_end_the_session_and_more_sessions_dont_help(world: World) -> None:
    owner, secret, _ = await enrolled(world)
    guesses = 0
    for _ in range(12):
        answer = await opened(world, owner)
        if answer.status == 429:
            break
        session = json.loads(answer.body)["session"]
        for _ in range(10):
            status, slug = await tried(world, session, "000000")
            if slug == "unauthenticated" or status == 429:
                break
            guesses += 1
        assert (await tried(world, session, code(secret)))[0] in (401, 429)
    assert guesses <= 25, "of a million codes"
    assert (await opened(world, owner)).status == 429


@pytest.mark.parametrize(
    "given", ["", "12345", "1234567890123456789012", "abcdef", "-12345", "1e5000"]
)
async def test_what_is_no_code_is_refused(world: World, given: str) -> None:
    owner, _, _ = await enrolled(world)
    session = await session_of(world, owner)
    assert (await tried(world, session, given))[0] in (401, 422)


async def test_a_recovery_code_works_once_and_for_its_owner_alone(world: World) -> None:
    owner, _, recovery = await enrolled(world)
    session = await session_of(world, owner)
    assert (await tried(world, session, recovery[0]))[0] == 204
    again = await session_of(world, owner)
    assert (await tried(world, again, recovery[0]))[0] == 401
    other = world.person("employee")
    theirs = await world.api(
        "identity", "POST", STEP, f"Session {other.session}", {"code": recovery[1]}
    )
    assert theirs.status == 401


async def test_the_secret_is_never_shown_again(world: World) -> None:
    owner, secret, recovery = await enrolled(world)
    for path in ("/v1/me", "/v1/me/data", "/v1/me/sessions"):
        answer = await world.api("identity", "GET", path, owner)
        assert answer.status == 200
        assert secret.encode() not in answer.body
        assert recovery[3].encode() not in answer.body
    async with world.cast.app.databases["identity"].system_transaction() as conn:
        kept = await conn.fetch("SELECT row_to_json(u)::text AS row FROM app_user u")
    assert all(secret not in row["row"] for row in kept)
