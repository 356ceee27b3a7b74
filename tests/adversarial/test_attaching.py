"""Where there is no mail server, whoever invites is shown the link: it takes nobody's account over."""

import json

from tests.adversarial.conftest import World


async def test_a_link_that_the_company_was_shown_attaches_no_account(world: World) -> None:
    owner, victim = world.person("owner"), world.person("outsider")
    body = {"email": victim.email, "first_name": "A", "last_name": "B", "role": "employee"}
    path = f"/v1/companies/{owner.company_id}/users"
    made = await world.api("identity", "POST", path, owner, body)
    assert made.status == 201, made.body
    secret = json.loads(made.body)["invitation"]
    for given in ({}, {"password": "le mot de passe du voleur"}):
        refused = await world.api(
            "identity", "POST", "/v1/invitations/accept", "", {"secret": secret, **given}
        )
        assert json.loads(refused.body)["type"] == "urn:facteur:problem:sign-in-to-accept"
    page = await world.page("GET", f"/invitation/{secret}", owner)
    assert (page.status, b'name="password"' in page.body) == (200, False)
    wanted = {"company_id": owner.company_id}
    token = "/v1/sessions/current/token"
    theirs = f"Session {victim.session}"
    assert (await world.api("identity", "POST", token, theirs, wanted)).status == 404
    listed = await world.api("identity", "GET", "/v1/sessions/current/invitations", theirs)
    [offer] = json.loads(listed.body)
    accepted = await world.api(
        "identity", "POST", f"/v1/sessions/current/invitations/{offer['membership_id']}", theirs
    )
    assert accepted.status == 200
    assert (await world.api("identity", "POST", token, theirs, wanted)).status == 200
