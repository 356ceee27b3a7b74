"""What bears on somebody's access is in the journal: by whom, about whom, from which network."""

import json

from tests.adversarial.conftest import World
from tests.matrix.asgi import request
from tests.matrix.people import Person

ADDRESS = "198.51.100.77"
NETWORK = "198.51.100.0/24"


async def journal(world: World) -> list[tuple[str, str, str]]:
    """The newest entries of the portal's journal: action, actor, origin; in their order."""
    await world.cast.app.tell()
    async with world.cast.app.databases["portal"].system_transaction() as conn:
        rows = await conn.fetch("SELECT action, actor, origin FROM audit ORDER BY position")
    return [(row["action"], row["actor"], row["origin"]) for row in rows]


async def user_of(world: World, person: Person) -> str:
    return str(json.loads((await world.api("identity", "GET", "/v1/me", person)).body)["user_id"])


async def test_a_wrong_password_is_in_the_journal_with_the_network_it_came_from(
    world: World,
) -> None:
    owner = world.person("owner")
    before = await journal(world)
    wrong = json.dumps({"email": owner.email, "password": "nicht das richtige Wort"}).encode()
    headers = {"content-type": "application/json", "x-forwarded-for": ADDRESS}

    async def by_proxy(scope: dict[str, object], receive: object, send: object) -> None:
        await world.apps["identity"]({**scope, "client": ("127.0.0.1", 1)}, receive, send)

    answer = await request(by_proxy, "POST", "/v1/sessions", headers, wrong)
    assert answer.status == 401
    new = (await journal(world))[len(before) :]
    assert new == [("sign_in_refused", f"user:{await user_of(world, owner)}", NETWORK)]


async def test_a_changed_profile_is_in_the_journal(world: World) -> None:
    owner, things = world.person("owner"), world.things()
    before = await journal(world)
    path = f"/v1/companies/{owner.company_id}/profiles/{things['unused_profile']}"
    body = {"name": "Renommé", "rights": ["invoicing"]}
    assert (await world.api("identity", "PUT", path, owner, body)).status == 200
    assert (await world.api("identity", "DELETE", path, owner)).status == 204
    new = (await journal(world))[len(before) :]
    actor = f"user:{await user_of(world, owner)}"
    assert [(action, by) for action, by, _ in new] == [("profile.changed", actor)] * 2


async def test_support_at_the_door_inside_and_out_is_in_the_journal(world: World) -> None:
    """D7: refused, let in, gone again: each audited."""
    owner, support = world.person("owner"), world.person("support, not let in")
    home = json.loads((await world.api(
        "identity", "GET", "/v1/sessions/current/companies", f"Session {support.session}"
    )).body)[0]["company_id"]  # fmt: skip
    given = await world.api("identity", "POST", "/v1/sessions/current/token",
                            f"Session {support.session}", {"company_id": home})  # fmt: skip
    by = f"Bearer {json.loads(given.body)['access_token']}"
    before = await journal(world)
    for company, status in ((world.things("support, not let in")["company_id"], 403),
                            (owner.company_id, 201)):  # fmt: skip
        path = f"/v1/support/companies/{company}"
        assert (await world.api("identity", "POST", path, by)).status == status
    inside = await world.api("identity", "POST", "/v1/sessions/current/token",
                             f"Session {support.session}", {"company_id": owner.company_id})  # fmt: skip
    bearer = f"Bearer {json.loads(inside.body)['access_token']}"
    assert (await world.api("identity", "DELETE", "/v1/support/current", bearer)).status == 204
    new = (await journal(world))[len(before) :]
    told = [action for action, _, _ in new if action.startswith("support")]
    assert told == ["support_refused", "support_entered", "support_active", "support_left"]
