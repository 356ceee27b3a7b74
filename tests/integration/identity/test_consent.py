"""Nobody is made a member of a company without agreeing, and until then it learns nothing of him."""

from collections.abc import Mapping
from typing import Any

import httpx

from shared.database import connect
from tests.integration.identity.conftest import PASSWORD, Identity, code, enrol


def told(answer: httpx.Response) -> Mapping[str, Any]:
    """What an invitation's answer says, but for what differs by its nature."""
    body = answer.json()
    return {k: v for k, v in body.items() if k not in ("email", "user_id", "membership_id")}


async def announced(identity: Identity, company_id: str) -> int:
    """How many memberships of the company other services have been told of."""
    db = await connect(identity.database.runtime_dsn, max_size=1)
    count: int = await db.pool.fetchval(
        "SELECT count(*) FROM outbox WHERE topic = 'membership.changed' "
        "AND convert_from(payload, 'UTF8')::jsonb->>'company_id' = $1",
        company_id,
    )
    await db.close()
    return count


async def test_an_account_that_there_is_shows_in_nothing_before_its_person_agrees(
    identity: Identity,
) -> None:
    victim, curious = await identity.register(name="Victime"), await identity.register()
    known = await identity.invite(curious, victim.email)
    unknown = await identity.invite(curious)
    assert (known.status_code, told(known)) == (unknown.status_code, told(unknown))
    ids = [known.json()[k] for k in ("user_id", "membership_id")]
    assert victim.user_id not in ids
    assert min(ids) > victim.user_id, "ids tell their age: none is older than the invitation"
    own = f"/v1/companies/{curious.company_id}"
    lines = await identity.members(curious)
    listed = [lines[r.json()["email"]] for r in (known, unknown)]
    for line in listed:
        assert (line["first_name"], line["last_name"]) == ("Luc", "Petit")
        assert (line["invitation"], line["version"]) == ("pending", 0)
    access = (await curious.call("GET", f"{own}/access-list")).json()
    assert [line["email"] for line in access] == [curious.email]
    assert await announced(identity, curious.company_id) == 1
    assert (await identity.token(victim.session, curious.company_id)).status_code == 404
    assert (await identity.invite(curious, victim.email.upper())).status_code == 409


async def test_the_invited_accepts_by_his_own_sign_in_or_declines(identity: Identity) -> None:
    member, owner = await identity.register(name="Sienne"), await identity.register()
    for _ in "ab":
        assert (await identity.invite(owner, member.email)).status_code == 201
        [offer] = await identity.offers(member)
        assert (offer["name"], offer["role"]) == ("Cabinet Martin", "employee")
        path = f"/v1/sessions/current/invitations/{offer['membership_id']}"
        stranger = {"Authorization": f"Session {owner.session}"}
        assert (await identity.client.post(path, headers=stranger)).status_code == 404
        own = {"Authorization": f"Session {member.session}"}
        assert (await identity.client.delete(path, headers=own)).status_code == 204
        assert list(await identity.members(owner)) == [owner.email]
    assert (await identity.invite(owner, member.email)).status_code == 201
    assert (await identity.accept(member, owner.company_id)).status_code == 200
    line = (await identity.members(owner))[member.email]
    assert (line["first_name"], line["invitation"]) == ("Odile", None)
    assert line["user_id"] == member.user_id
    assert (await identity.token(member.session, owner.company_id)).status_code == 200


async def test_before_the_second_step_nothing_is_accepted(identity: Identity) -> None:
    member, owner = await identity.register(), await identity.register()
    secret, _ = await enrol(member)
    assert (await identity.invite(owner, member.email)).status_code == 201
    opened = (await identity.session(member.email)).json()["session"]
    headers = {"Authorization": f"Session {opened}"}
    refused = await identity.client.get("/v1/sessions/current/invitations", headers=headers)
    assert refused.json()["type"] == "urn:facteur:problem:second-factor-needed"
    assert await identity.second_step(opened, code(secret)) == 204
    found = await identity.client.get("/v1/sessions/current/invitations", headers=headers)
    assert len(found.json()) == 1


async def test_a_letter_s_link_accepts_with_the_account_and_changes_no_password(
    identity: Identity,
) -> None:
    member, owner = await identity.register(), await identity.register()
    assert (await identity.invite(owner, member.email)).status_code == 201
    secret = await identity.link(member.email)
    look = await identity.client.post("/v1/invitations/look", json={"secret": secret})
    assert look.json() == {"kind": "offer", "email": member.email, "company": "Cabinet Martin"}
    body = {"secret": secret, "password": "une tout autre longue phrase"}
    refused = await identity.client.post("/v1/invitations/accept", json=body)
    assert refused.json()["type"] == "urn:facteur:problem:has-account"
    accept = {"secret": secret}
    answers = [
        (await identity.client.post("/v1/invitations/accept", json=accept)).status_code
        for _ in "ab"
    ]
    assert answers == [204, 410]
    assert (await member.call("GET", "/v1/me")).status_code == 200
    assert (await identity.session(member.email, body["password"])).status_code == 401
    assert (await identity.token(member.session, owner.company_id)).status_code == 200


async def test_one_company_s_invitation_is_no_other_s(identity: Identity) -> None:
    """Neither void by it nor opened with it."""
    one, two = await identity.register(), await identity.register(name="Autre")
    email = (await identity.invite(one)).json()["email"]
    first = await identity.link(email)
    assert (await identity.invite(two, email)).status_code == 201

    second = await identity.link(email, other_than=first)
    body = {"secret": first, "password": PASSWORD}
    assert (await identity.client.post("/v1/invitations/accept", json=body)).status_code == 204
    member = await identity.sign_in(email)
    assert member.company_id == one.company_id
    assert (await identity.token(member.session, two.company_id)).status_code == 404
    look = await identity.client.post("/v1/invitations/look", json={"secret": second})
    assert (look.json()["kind"], look.json()["company"]) == ("offer", "Autre")
    accepted = await identity.client.post("/v1/invitations/accept", json={"secret": second})
    assert accepted.status_code == 204
    assert (await identity.token(member.session, two.company_id)).status_code == 200


async def test_an_invitation_is_changed_and_taken_back_before_it_is_used(
    identity: Identity,
) -> None:
    owner = await identity.register()
    invited = (await identity.invite(owner)).json()
    user = f"/v1/companies/{owner.company_id}/users/{invited['user_id']}"
    change = {"rights": ["document_management"], "apps": ["invoices"]}
    assert (await owner.call("PATCH", user, json=change)).status_code == 200
    body = {"secret": await identity.link(invited["email"]), "password": PASSWORD}
    assert (await identity.client.post("/v1/invitations/accept", json=body)).status_code == 204
    line = (await identity.members(owner))[invited["email"]]
    assert (line["user_id"], line["rights"]) == (invited["user_id"], ["document_management"])
    assert sorted(line["apps"]) == ["customers", "invoices", "products"]
    again = (await identity.invite(owner)).json()
    path = f"/v1/companies/{owner.company_id}/users/{again['user_id']}"
    secret = await identity.link(again["email"])
    assert (await owner.call("DELETE", path)).status_code == 204
    gone = await identity.client.post("/v1/invitations/look", json={"secret": secret})
    assert gone.status_code == 410


async def test_one_leaves_a_company_oneself_but_for_its_last_owner(identity: Identity) -> None:
    owner = await identity.register()
    employee = await identity.employee(owner)
    assert (await employee.call("POST", "/v1/me/leave")).status_code == 204
    assert (await employee.call("GET", "/v1/me")).status_code == 401
    assert list(await identity.members(owner)) == [owner.email]
    refused = await owner.call("POST", "/v1/me/leave")
    assert refused.json()["type"] == "urn:facteur:problem:last-owner"


async def test_one_account_founds_several_companies(identity: Identity) -> None:
    """D12: a second company of one's own, without another e-mail."""
    owner = await identity.register()
    headers = {"Authorization": f"Session {owner.session}", "X-Forwarded-For": identity.address}
    body = {"kind": "firm", "company": {"name": "Seconde"}}
    path = "/v1/sessions/current/companies"
    made = await identity.client.post(path, json=body, headers=headers)
    assert made.status_code == 201, made.text
    listed = await identity.client.get(path, headers=headers)
    assert {(c["name"], c["role"], c["membership"]) for c in listed.json()} == {
        ("Cabinet Martin", "owner", "internal"), ("Seconde", "owner", "internal"),
    }  # fmt: skip
    second = await identity.sign_in(owner.email, made.json()["company_id"])
    assert (await second.call("GET", "/v1/companies")).json() == []
