"""Users of a company: invitations by mail, seats, rights, what nobody may do to himself."""

from uuid import uuid4

from services.identity.store import privacy
from shared.database import connect
from tests.integration.identity.conftest import LEGAL, PASSWORD, Identity, Member, at_once, row_of
from tests.services import eventually


async def test_an_invitation_comes_by_mail_and_works_once(identity: Identity) -> None:
    """Nobody but the invited sees the link: whoever invites could take the account over with it."""
    owner = await identity.register()
    invited = (await identity.invite(owner)).json()
    assert invited["invitation"] is None
    body = {"secret": await identity.link(invited["email"]), "password": PASSWORD}
    accept = [await identity.client.post("/v1/invitations/accept", json=body) for _ in range(2)]
    assert [a.status_code for a in accept] == [204, 410]
    assert (await identity.session(invited["email"])).status_code == 201


async def test_a_second_invitation_voids_the_first(identity: Identity) -> None:
    owner = await identity.register()
    invited = (await identity.invite(owner)).json()
    first = await identity.link(invited["email"])
    again = f"/v1/companies/{owner.company_id}/users/{invited['user_id']}/invitation"
    assert (await owner.call("POST", again)).json() == {"invitation": None}

    async def another() -> str | None:
        found = await identity.link(invited["email"])
        return found if found != first else None

    second = await eventually(another)
    answers = [
        (await identity.client.post(
            "/v1/invitations/accept", json={"secret": secret, "password": PASSWORD}
        )).status_code for secret in (first, second)
    ]  # fmt: skip
    assert answers == [410, 204]
    refused = await owner.call("POST", again)
    assert refused.json()["type"] == "urn:facteur:problem:already-accepted"


async def test_an_expired_invitation_is_over_and_says_so(identity: Identity) -> None:
    owner = await identity.register()
    invited = (await identity.invite(owner)).json()
    users = f"/v1/companies/{owner.company_id}/users"

    async def invitation() -> str | None:
        lines = (await owner.call("GET", users)).json()
        return {u["user_id"]: str(u["invitation"]) for u in lines}.get(invited["user_id"])

    assert await invitation() == "pending"
    db = await connect(identity.database.runtime_dsn, max_size=1)
    async with db.system_transaction() as conn:
        await conn.execute(
            "UPDATE member_invitation SET expires_at = now() - interval '1 minute' WHERE user_id = $1",
            invited["user_id"],
        )
    await db.close()
    assert await invitation() == "expired"
    body = {"secret": await identity.link(invited["email"]), "password": PASSWORD}
    assert (await identity.client.post("/v1/invitations/accept", json=body)).status_code == 410


async def test_the_user_over_the_limit_is_refused_and_the_others_are_unharmed(
    identity: Identity,
) -> None:
    owner = await identity.register()
    employee = await identity.employee(owner)
    db = await connect(identity.database.runtime_dsn, max_size=1)
    async with db.system_transaction() as conn:
        await privacy.set_seats(conn, owner.company_id, 2, 1)  # type: ignore[arg-type]
    await db.close()
    refused = await identity.invite(owner)
    assert (refused.status_code, refused.json()["type"]) == (
        402,
        "urn:facteur:problem:no-seat-left",
    )
    there = await identity.sign_in(employee.email, owner.company_id)
    own = f"/v1/companies/{owner.company_id}"
    assert (await there.call("GET", own)).status_code == 200


async def test_of_many_at_once_one_has_the_last_seat(identity: Identity) -> None:
    owner = await identity.register()
    db = await connect(identity.database.runtime_dsn, max_size=1)
    async with db.system_transaction() as conn:
        await privacy.set_seats(conn, owner.company_id, 2, 1)  # type: ignore[arg-type]
    await db.close()
    answers = await at_once(
        identity, row_of(owner.company_id), *(identity.invite(owner) for _ in range(5))
    )
    assert sorted(a.status_code for a in answers) == [201, 402, 402, 402, 402]
    seats = await owner.call("GET", f"/v1/companies/{owner.company_id}/seats")
    assert seats.json()["used"] == 2


async def test_how_strong_the_password_is_that_an_invited_person_chose(identity: Identity) -> None:
    """D9: reckoned when the invitation is accepted, and shown to the owners."""
    owner = await identity.register()
    chosen = {"weak": "motdepasse1234", "strong": "girafe-quantique 94 nénuphars"}
    emails = {}
    for name, password in chosen.items():
        invited = (await identity.invite(owner)).json()
        emails[name] = invited["email"]
        body = {"secret": await identity.link(invited["email"]), "password": password}
        accepted = await identity.client.post("/v1/invitations/accept", json=body)
        assert accepted.status_code == 204, accepted.text
    listed = await owner.call("GET", f"/v1/companies/{owner.company_id}/access-list")
    strength = {line["email"]: line["password_strength"] for line in listed.json()}
    assert strength[emails["weak"]] < 3
    assert strength[emails["strong"]] == 4


async def test_a_user_who_is_there_already_is_refused(identity: Identity) -> None:
    owner = await identity.register()
    employee = await identity.employee(owner)
    assert (await identity.invite(owner, employee.email)).status_code == 409


async def test_what_is_no_address_is_invited_to_nothing(identity: Identity) -> None:
    owner = await identity.register()
    for email in ("nobody", "nobody@", "@example.org", "no body@example.org", "a@b@example.org"):
        refused = await identity.invite(owner, email)
        assert refused.status_code == 422, email
        assert [error["field"] for error in refused.json()["errors"]] == ["email"]
    assert list(await identity.members(owner)) == [owner.email]


async def test_nobody_changes_or_removes_himself_here(identity: Identity) -> None:
    owner = await identity.register()
    path = f"/v1/companies/{owner.company_id}/users/{owner.user_id}"
    assert (await owner.call("PATCH", path, json={"role": "employee"})).status_code == 403
    assert (await owner.call("DELETE", path)).status_code == 403


async def test_the_last_owner_stays(identity: Identity) -> None:
    owner = await identity.register()
    second = await identity.employee(owner, "owner")
    path = f"/v1/companies/{owner.company_id}/users/{owner.user_id}"
    assert (await second.call("DELETE", path)).status_code == 204
    assert (await owner.call("GET", f"/v1/companies/{owner.company_id}")).status_code == 401


async def test_only_a_holder_of_user_management_grants_and_only_what_he_holds(
    identity: Identity,
) -> None:
    owner = await identity.register()
    employee, other = await identity.employee(owner), await identity.employee(owner)
    path = f"/v1/companies/{owner.company_id}/users/{other.user_id}"
    change = {"rights": ["document_management"]}
    refused = [
        await employee.call("PATCH", path, json=change),
        await employee.call("PATCH", path, json={"apps": []}),
        await employee.call("DELETE", path),
        await identity.invite(employee),
    ]
    assert [r.json()["type"] for r in refused] == ["urn:facteur:problem:right-missing"] * 4
    assert (await owner.call("PATCH", path, json=change)).status_code == 200
    too_much = {"rights": ["mass_deployment"]}
    assert (await owner.call("PATCH", path, json=too_much)).status_code == 403


async def test_another_company_s_users_can_t_be_seen_or_touched(identity: Identity) -> None:
    owner, stranger = await identity.register(), await identity.register()
    users = f"/v1/companies/{owner.company_id}/users"
    assert (await stranger.call("GET", users)).status_code == 404
    assert (await stranger.call("DELETE", f"{users}/{owner.user_id}")).status_code == 404
    put = await stranger.call(
        "PUT", f"/v1/companies/{owner.company_id}/legal-information", json={"name": "X"}
    )
    assert put.status_code == 404


async def test_unknown_fields_are_refused_by_name(identity: Identity) -> None:
    owner = await identity.register()
    employee = await identity.employee(owner)
    path = f"/v1/companies/{owner.company_id}/users/{employee.user_id}"
    refused = await owner.call("PATCH", path, json={"is_support": True})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "is_support"


async def test_a_user_manager_makes_no_owner_and_touches_none(identity: Identity) -> None:
    """User management alone is no way to more: not by an owner of one's own making, nor by a profile."""
    owner = await identity.register()
    manager, other = await identity.employee(owner), await identity.employee(owner)
    second = await identity.employee(owner, "owner")
    users = f"/v1/companies/{owner.company_id}/users"
    grant = {"rights": ["user_management"]}
    assert (await owner.call("PATCH", f"{users}/{manager.user_id}", json=grant)).status_code == 200
    profiles = (await owner.call("GET", f"/v1/companies/{owner.company_id}/profiles")).json()
    powerful = next(p["profile_id"] for p in profiles if p["name"] == "Gérant")
    refused = [
        await identity.invite(manager, role="owner"),
        await manager.call("PATCH", f"{users}/{other.user_id}", json={"role": "owner"}),
        await manager.call("PATCH", f"{users}/{second.user_id}", json={"role": "employee"}),
        await manager.call("DELETE", f"{users}/{second.user_id}"),
        await manager.call("PATCH", f"{users}/{other.user_id}", json={"profile_id": powerful}),
        await manager.call("PATCH", f"{users}/{other.user_id}", json={"rights": ["audit"]}),
        await manager.call("PATCH", f"{users}/{manager.user_id}", json={"rights": ["audit"]}),
    ]
    assert [r.json()["type"].rpartition(":")[2] for r in refused] == [
        "owners-by-owners", "owners-by-owners", "owners-by-owners", "owners-by-owners",
        "not-yours-to-give", "not-yours-to-give", "not-oneself",
    ]  # fmt: skip
    assert {r.status_code for r in refused} == {403}
    assert (await identity.invite(manager)).status_code == 201


async def test_an_owner_made_an_employee_keeps_no_right(identity: Identity) -> None:
    owner = await identity.register()
    second = await identity.employee(owner, "owner")
    path = f"/v1/companies/{owner.company_id}/users/{second.user_id}"
    changed = (await owner.call("PATCH", path, json={"role": "employee", "apps": []})).json()
    assert (changed["rights"], sorted(changed["apps"])) == ([], ["customers", "products"])
    made = (await owner.call("PATCH", path, json={"role": "owner"})).json()
    assert "user_management" in made["rights"]
    assert "mass_deployment" not in made["rights"]
    assert len(made["apps"]) == 6


async def test_of_two_last_owners_one_stays(identity: Identity) -> None:
    """At the same moment, each removes the other: both are let in, and one comes first."""
    owner = await identity.register()
    second = await identity.employee(owner, "owner")
    users = f"/v1/companies/{owner.company_id}/users"
    answers = await at_once(
        identity, row_of(owner.company_id),
        owner.call("DELETE", f"{users}/{second.user_id}"),
        second.call("DELETE", f"{users}/{owner.user_id}"),
    )  # fmt: skip
    done, refused = sorted(answers, key=lambda a: a.status_code)
    assert done.status_code == 204
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:facteur:problem:last-owner")
    left = await (owner if answers[0] is done else second).call("GET", users)
    assert [user["role"] for user in left.json()] == ["owner"]


async def test_a_key_ends_with_the_access_of_its_maker(identity: Identity) -> None:
    owner = await identity.register()
    second = await identity.employee(owner, "owner")
    made = await second.call("POST", "/v1/api-keys", json={"name": "ERP", "scopes": ["read"],
                              "password": PASSWORD})  # fmt: skip
    secret = {"Authorization": f"ApiKey {made.json()['secret']}"}
    token = (await identity.client.post("/v1/api-keys/token", headers=secret)).json()
    key = Member("", "", token["access_token"], token["company_id"], "", identity.client)
    own = f"/v1/companies/{owner.company_id}"
    assert (await key.call("GET", own)).status_code == 200
    users = f"/v1/companies/{owner.company_id}/users"
    assert (await owner.call("DELETE", f"{users}/{second.user_id}")).status_code == 204
    assert (await identity.invite(owner, second.email, "owner")).status_code == 201
    assert (await identity.accept(second, owner.company_id)).status_code == 200
    assert (await key.call("GET", own)).status_code == 401
    assert (await identity.client.post("/v1/api-keys/token", headers=secret)).status_code == 401


async def test_profiles_are_the_company_s_own(identity: Identity) -> None:
    """D11: created, changed, applied, taken away when nobody has them; each change is announced."""
    owner = await identity.register()
    employee = await identity.employee(owner)
    profiles = f"/v1/companies/{owner.company_id}/profiles"
    body = {"name": "Magasinier", "rights": ["document_management"]}
    made = (await owner.call("POST", profiles, json=body)).json()
    own = f"{profiles}/{made['profile_id']}"
    same = await owner.call("POST", profiles, json={**body, "name": "magasinier"})
    assert same.json()["type"] == "urn:facteur:problem:profile-name-taken"
    changed = {"name": "Dépôt", "rights": ["document_management", "audit"]}
    assert (await owner.call("PUT", own, json=changed)).status_code == 200
    user = f"/v1/companies/{owner.company_id}/users/{employee.user_id}"
    applied = await owner.call("PATCH", user, json={"profile_id": made["profile_id"]})
    assert applied.status_code == 200
    assert (await owner.call("DELETE", own)).status_code == 409
    assert (await owner.call("PATCH", user, json={"profile_id": None})).status_code == 200
    assert (await owner.call("DELETE", own)).status_code == 204
    assert (await owner.call("PUT", own, json=changed)).status_code == 404
    assert (await employee.call("POST", profiles, json=body)).status_code == 403
    too_much = await owner.call("POST", profiles, json={"name": "X", "rights": ["mass_deployment"]})
    assert too_much.status_code == 403
    db = await connect(identity.database.runtime_dsn, max_size=1)
    told = await db.pool.fetchval(
        "SELECT count(*) FROM outbox WHERE topic = 'profile.changed' AND key = $1",
        made["profile_id"],
    )
    await db.close()
    assert told == 3


async def test_seats_are_counted(identity: Identity) -> None:
    owner = await identity.register()
    path = f"/v1/companies/{owner.company_id}/seats"
    assert (await owner.call("GET", path)).json() == {"used": 1, "allowed": None}


async def test_an_external_user_is_listed_below_and_can_only_be_taken_away(
    identity: Identity,
) -> None:
    owner, firm = await identity.register(), await identity.register("firm")
    employee = await identity.employee(owner)
    accountants = f"/v1/companies/{owner.company_id}/accountants"
    assert (await owner.call("POST", accountants, json={"email": firm.email})).status_code == 201
    assert list(await identity.members(owner)) == [owner.email, employee.email, firm.email]
    user = f"/v1/companies/{owner.company_id}/users/{firm.user_id}"
    refused = await owner.call("PATCH", user, json={"role": "owner"})
    assert refused.json()["type"] == "urn:facteur:problem:external-user"
    assert (await owner.call("DELETE", user)).status_code == 204


async def test_not_even_the_firm_takes_the_last_owner_away(identity: Identity) -> None:
    """D3: 409, by removing and by making an employee of him; with a second owner both work."""
    firm = await identity.register("firm")
    company = (await firm.call("POST", "/v1/companies", json=LEGAL)).json()["company_id"]
    users = f"/v1/companies/{company}/users"

    async def owner() -> str:
        body = {"email": f"{uuid4().hex}@example.org", "first_name": "O", "last_name": "W",
                "role": "owner"}  # fmt: skip
        made: str = (await firm.call("POST", users, json=body)).json()["user_id"]
        accepted = {"secret": await identity.link(body["email"]), "password": PASSWORD}
        answer = await identity.client.post("/v1/invitations/accept", json=accepted)
        assert answer.status_code == 204
        return made

    only = f"{users}/{await owner()}"
    refused = [
        await firm.call("DELETE", only),
        await firm.call("PATCH", only, json={"role": "employee"}),
    ]
    assert [r.json()["type"] for r in refused] == ["urn:facteur:problem:last-owner"] * 2
    second = f"{users}/{await owner()}"
    assert (await firm.call("PATCH", second, json={"role": "employee"})).status_code == 200
    assert (await firm.call("DELETE", only)).status_code == 409
    await owner()
    assert (await firm.call("DELETE", only)).status_code == 204
