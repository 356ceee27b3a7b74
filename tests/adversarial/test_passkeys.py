"""Passkeys (D14): one signs in with one's own, on this site, by an answer to this very question."""

import json
from dataclasses import replace
from typing import Any

from tests.adversarial.conftest import World
from tests.authenticator import Authenticator
from tests.matrix.asgi import Answer
from tests.matrix.people import Person
from tests.platform import PASSWORD

HERE = ("facteur.test", "http://facteur.test")
"""Domain and origin of the portal."""
STEP = "/v1/sessions/current/passkey"


async def kept(
    world: World, person: Person, made: Authenticator, password: str = PASSWORD
) -> Answer:
    """Register a passkey as the page does."""
    options = await world.api("identity", "POST", "/v1/me/passkeys/options", person)
    assert options.status == 201, options.body
    body = {"name": "Portable", "password": password,
            "credential": made.made(json.loads(options.body))}  # fmt: skip
    return await world.api("identity", "POST", "/v1/me/passkeys", person, body)


async def enrolled(world: World, name: str = "owner") -> tuple[Person, Authenticator]:
    person, made = world.person(name), Authenticator(*HERE)
    answer = await kept(world, person, made)
    assert answer.status == 201, answer.body
    assert len(json.loads(answer.body)["recovery_codes"]) == 10
    return person, made


async def first_step(world: World, person: Person) -> str:
    body = {"email": person.email, "password": PASSWORD}
    opened = json.loads((await world.api("identity", "POST", "/v1/sessions", "", body)).body)
    assert opened["second_factor"] is True
    return f"Session {opened['session']}"


async def asked(world: World, session: str) -> dict[str, Any]:
    options = await world.api("identity", "POST", f"{STEP}/options", session)
    assert options.status == 201, options.body
    found: dict[str, Any] = json.loads(options.body)
    return found


async def passed(world: World, session: str, credential: dict[str, Any]) -> int:
    answer = await world.api("identity", "POST", STEP, session, {"credential": credential})
    return answer.status


async def token(world: World, session: str) -> int:
    path = "/v1/sessions/current/token"
    return (await world.api("identity", "POST", path, session, {})).status


async def test_a_passkey_opens_the_session_and_its_answer_no_other(world: World) -> None:
    person, made = await enrolled(world)
    made.step = 0
    session = await first_step(world, person)
    assert await token(world, session) == 403
    credential = made.answer(await asked(world, session))
    assert await passed(world, session, credential) == 204
    assert await token(world, session) == 200
    another = await first_step(world, person)
    await asked(world, another)
    assert await passed(world, another, credential) == 401
    assert await token(world, another) == 403


async def test_an_answer_is_taken_once(world: World) -> None:
    person, made = await enrolled(world)
    session = await first_step(world, person)
    options = await asked(world, session)
    wrong = replace(made, origin="https://evil.example").answer(options)
    assert await passed(world, session, wrong) == 401
    assert await passed(world, session, made.answer(options)) == 401


async def test_a_passkey_of_another_account_opens_nothing(world: World) -> None:
    person, _ = await enrolled(world)
    _, others = await enrolled(world, "outsider")
    session = await first_step(world, person)
    assert await passed(world, session, others.answer(await asked(world, session))) == 401


async def test_what_wasnt_signed_here_by_that_key_is_refused(world: World) -> None:
    person, made = await enrolled(world)
    session = await first_step(world, person)
    other = Authenticator(*HERE)
    for wrong in (
        replace(made, key=other.key),
        replace(made, domain="evil.example"),
        replace(made, origin="http://facteur.test.evil.example"),
    ):
        assert await passed(world, session, wrong.answer(await asked(world, session))) == 401
    assert await passed(world, session, made.answer(await asked(world, session))) == 204


async def test_a_copied_authenticator_is_noticed_by_its_count(world: World) -> None:
    """§6.1.1: an answer that doesn't count on comes from a copy."""
    person, made = await enrolled(world)
    copy = replace(made)
    session = await first_step(world, person)
    assert await passed(world, session, made.answer(await asked(world, session))) == 204
    again = await first_step(world, person)
    assert await passed(world, again, copy.answer(await asked(world, again))) == 401


async def test_a_passkey_is_kept_by_the_password_and_an_answer_to_our_question(
    world: World,
) -> None:
    person = world.person("owner")
    assert (await kept(world, person, Authenticator(*HERE), "not it at all")).status == 401
    for wrong in (("evil.example", HERE[1]), (HERE[0], "https://evil.example")):
        made = Authenticator(*wrong)
        assert (await kept(world, person, made)).status in (401, 409, 422)
    unasked = Authenticator(*HERE).made({"challenge": "AAAA"})
    body = {"name": "x", "password": PASSWORD, "credential": unasked}
    refused = await world.api("identity", "POST", "/v1/me/passkeys", person, body)
    assert refused.status in (401, 409, 422)
    me = json.loads((await world.api("identity", "GET", "/v1/me", person)).body)
    assert me["passkeys"] == []


async def test_a_passkey_is_removed_by_its_owner_with_the_password(world: World) -> None:
    person, made = await enrolled(world)
    stranger, _ = await enrolled(world, "outsider")
    me = json.loads((await world.api("identity", "GET", "/v1/me", person)).body)
    path = f"/v1/me/passkeys/{me['passkeys'][0]['passkey_id']}/remove"

    async def removed(by: Person, password: str) -> int:
        answer = await world.api("identity", "POST", path, by, {"password": password})
        return answer.status

    assert await removed(person, "not it at all") == 401
    assert await removed(stranger, PASSWORD) == 404
    session = await first_step(world, person)
    assert await passed(world, session, made.answer(await asked(world, session))) == 204
    assert await removed(person, PASSWORD) == 204
    body = {"email": person.email, "password": PASSWORD}
    opened = await world.api("identity", "POST", "/v1/sessions", "", body)
    assert json.loads(opened.body)["second_factor"] is False
