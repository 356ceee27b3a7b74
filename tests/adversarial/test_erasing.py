"""One's data (S6): all of it is shown to its person, nobody's secrets; erased, none of it is in any table."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.identity.commands.attempts import email_hash
from services.identity.store import invitations, mail, registrations
from services.identity.store.mail import MailRow
from services.identity.store.registrations import RegistrationRow
from tests.adversarial.conftest import World
from tests.adversarial.test_at_rest import everything
from tests.adversarial.test_passkeys import HERE
from tests.authenticator import Authenticator
from tests.matrix.asgi import request
from tests.matrix.people import Person
from tests.platform import PASSWORD

FIRST, LAST = "Zéphyrine", "Quatrefages"
ADDRESS, AGENT = "198.51.100.77", "Navigateur-de-Zephyrine"
NAMES = {"first_name": FIRST, "last_name": LAST}


@dataclass
class Traces:
    """Somebody who has used everything that there is, and the words that tell of her."""

    person: Person
    user_id: str
    words: tuple[str, ...]


async def by_proxy(world: World, path: str, body: dict[str, Any], session: str = "") -> Any:
    """As the portal would ask for her: her address and browser are believed."""
    headers = {"content-type": "application/json", "x-forwarded-for": ADDRESS, "user-agent": AGENT,
               "authorization": session}  # fmt: skip

    async def local(scope: dict[str, object], receive: object, send: object) -> None:
        await world.apps["identity"]({**scope, "client": ("127.0.0.1", 1)}, receive, send)

    answer = await request(local, "POST", path, headers, json.dumps(body).encode())
    return json.loads(answer.body or b"null")


@pytest.fixture
async def traces(world: World) -> Traces:
    owner, company = world.person("owner"), world.things()["company_id"]
    email = f"zephyrine.{uuid4().hex}@example.org"
    body = {**NAMES, "email": email, "role": "owner"}
    users = f"/v1/companies/{company}/users"
    made = json.loads((await world.api("identity", "POST", users, owner, body)).body)
    secret = {"secret": made["invitation"], "password": PASSWORD}
    await by_proxy(world, "/v1/invitations/accept", secret)
    await by_proxy(world, "/v1/sessions", {"email": email, "password": "not this one at all"})
    opened = await by_proxy(world, "/v1/sessions", {"email": email, "password": PASSWORD})
    by = f"Session {opened['session']}"
    given = await by_proxy(world, "/v1/sessions/current/token", {"company_id": company}, by)
    person = Person(given["access_token"], opened["session"], company, email)
    key = {"name": f"ERP de {FIRST}", "scopes": ["read"], "password": PASSWORD}
    assert (await world.api("identity", "POST", "/v1/api-keys", person, key)).status == 201
    options = await world.api("identity", "POST", "/v1/me/passkeys/options", person)
    passkey = {"name": f"Portable de {FIRST}", "password": PASSWORD,
               "credential": Authenticator(*HERE).made(json.loads(options.body))}  # fmt: skip
    assert (await world.api("identity", "POST", "/v1/me/passkeys", person, passkey)).status == 201
    other = world.person("outsider")
    invited = {**NAMES, "email": email, "role": "employee"}
    path = f"/v1/companies/{other.company_id}/users"
    assert (await world.api("identity", "POST", path, other, invited)).status == 201
    now = datetime.now(UTC)
    async with world.cast.app.databases["identity"].system_transaction() as conn:
        row = RegistrationRow(uuid4(), email, b"sealed", now + timedelta(days=1))
        await registrations.keep(conn, row, b"hash", now)
        letter = MailRow(uuid4(), email.upper(), f"{FIRST}, votre lien", b"", 0)
        await mail.add(conn, letter, now + timedelta(days=1))
        await invitations.reset(conn, made["user_id"], b"reset", now + timedelta(hours=1), now)
    await world.cast.app.tell()
    hashed = str(email_hash(email))
    return Traces(person, made["user_id"], (email, FIRST, LAST, ADDRESS, AGENT, hashed))


async def found(world: World, traces: Traces) -> set[tuple[str, str]]:
    """In which databases which of the words are; JSON may spell é otherwise."""
    where = set()
    for service in ("identity", "portal", "billing", "delivery"):
        text = (await everything(world, service)).lower()
        for word in traces.words:
            if word.lower() in text or json.dumps(word)[1:-1].lower() in text:
                where.add((service, word))
    return where


async def erased(world: World, traces: Traces) -> list[int]:
    """Removed from the company, then erased."""
    owner = world.person("owner")
    user = f"/v1/companies/{owner.company_id}/users/{traces.user_id}"
    return [
        (await world.api("identity", "DELETE", path, owner)).status
        for path in (user, f"{user}/data")
    ]


async def test_everything_that_is_kept_is_shown_but_for_secrets(
    world: World, traces: Traces
) -> None:
    person = traces.person
    answer = await world.api("identity", "GET", "/v1/me/data", person)
    kept = json.loads(answer.body)
    assert kept["user"]["email"] == person.email
    assert [m["role"] for m in kept["memberships"]] == ["owner"]
    assert [(s["address"], s["agent"]) for s in kept["sessions"]] == [(ADDRESS, AGENT)]
    assert [p["name"] for p in kept["passkeys"]] == [f"Portable de {FIRST}"]
    assert [k["name"] for k in kept["api_keys"]] == [f"ERP de {FIRST}"]
    assert [a["address"] for a in kept["known_addresses"]] == [ADDRESS]
    assert [i["first_name"] for i in kept["invitations"]] == [FIRST]
    assert [letter["subject"] for letter in kept["letters"]] == [f"{FIRST}, votre lien"]
    page = await world.page("GET", "/me/data", person)
    actions = {action["action"] for action in json.loads(page.body)["actions"]}
    assert {"signed_in", "invitation_accepted", "two_factor_enrolled"} <= actions
    for text in (answer.body, page.body):
        assert b"$argon2" not in text
        assert b"hash" not in text
        assert b"secret" not in text


async def test_erased_she_is_in_no_table_of_any_service(world: World, traces: Traces) -> None:
    before = await found(world, traces)
    assert {word for _, word in before} == set(traces.words), "nothing to be erased otherwise"
    assert {(service, LAST) for service in ("portal", "billing", "delivery")} <= before
    assert await erased(world, traces) == [204, 204]
    await world.cast.app.tell()
    assert await found(world, traces) == set()


async def test_what_was_told_of_older_actions_is_blotted_too(world: World, traces: Traces) -> None:
    """From when whole addresses were told: they go, and what was done stays."""
    async with world.cast.app.databases["identity"].system_transaction() as conn:
        await conn.execute(
            "UPDATE outbox SET payload = convert_to(replace(convert_from(payload, 'UTF8'), "
            "'198.51.100.0/24', $1), 'UTF8') WHERE topic = 'action.recorded'",
            ADDRESS,
        )
    assert await erased(world, traces) == [204, 204]
    assert ADDRESS not in await everything(world, "identity")
    async with world.cast.app.databases["identity"].system_transaction() as conn:
        told = await conn.fetchval(
            "SELECT count(*) FROM outbox WHERE topic = 'action.recorded' "
            "AND convert_from(payload, 'UTF8')::jsonb->>'user_id' = $1",
            traces.user_id,
        )
    assert told > 2


async def test_who_is_a_user_here_or_elsewhere_isnt_erased(world: World, traces: Traces) -> None:
    owner = world.person("owner")
    data = f"/v1/companies/{owner.company_id}/users/{traces.user_id}/data"
    present = await world.api("identity", "DELETE", data, owner)
    assert json.loads(present.body)["type"] == "urn:facteur:problem:still-a-user"
    by = f"Session {traces.person.session}"
    [offer] = json.loads(
        (await world.api("identity", "GET", "/v1/sessions/current/invitations", by)).body
    )
    path = f"/v1/sessions/current/invitations/{offer['membership_id']}"
    assert (await world.api("identity", "POST", path, by)).status == 200
    assert await erased(world, traces) == [204, 409]
    assert LAST in await everything(world, "identity")


async def test_who_only_looked_into_the_file_isnt_the_companys_to_erase(world: World) -> None:
    """An accountant, who has left her firm too: she was nobody's user here."""
    owner, firm = world.person("owner"), world.person("other firm")
    accountant = await world.cast.user(firm, firm.company_id)
    path = f"/v1/companies/{owner.company_id}"
    added = await world.api(
        "identity", "POST", f"{path}/accountants", owner, {"email": accountant.email}
    )
    her = json.loads(added.body)["user_id"]
    await world.api("identity", "DELETE", f"{path}/users/{her}", owner)
    await world.api("identity", "DELETE", f"/v1/companies/{firm.company_id}/users/{her}", firm)
    answer = await world.api("identity", "DELETE", f"{path}/users/{her}/data", owner)
    assert json.loads(answer.body)["type"] == "urn:facteur:problem:external-user"
    assert accountant.email in await everything(world, "identity")
    theirs = f"/v1/companies/{firm.company_id}/users/{her}/data"
    assert (await world.api("identity", "DELETE", theirs, firm)).status == 204
