"""Who may look: second factor, accountants, support, API keys, erasure."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.identity.commands.standing import set_support
from services.identity.domain import totp
from services.identity.store import privacy
from shared.clock import system_clock
from shared.database import connect
from shared.events import Actor
from tests.integration.identity.conftest import LEGAL, PASSWORD, Identity, Member, code, enrol

ENROLMENT = "urn:facteur:problem:second-factor-enrolment"
KEY = {"name": "ERP", "scopes": ["read"], "password": PASSWORD}


async def secret_of(owner: Member, **changes: Any) -> dict[str, str]:
    """What a new key presents."""
    made = await owner.call("POST", "/v1/api-keys", json={**KEY, **changes})
    assert made.status_code == 201, made.text
    return {"Authorization": f"ApiKey {made.json()['secret']}"}


async def key_of(identity: Identity, owner: Member, **changes: Any) -> Member:
    """A new key, with a token of it."""
    secret = await secret_of(owner, **changes)
    token = (await identity.client.post("/v1/api-keys/token", headers=secret)).json()
    return Member("", "", token["access_token"], token["company_id"], "", identity.client)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (2000000000, "279037")],
)
def test_codes_are_those_of_rfc_6238(seconds: int, expected: str) -> None:
    from datetime import UTC, datetime

    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    now = datetime.fromtimestamp(seconds, UTC)
    assert totp.matching_step(secret, expected, now, 0) == seconds // 30
    assert totp.matching_step(secret, expected, now, seconds // 30) is None


async def test_sign_in_with_a_code_that_works_once(identity: Identity) -> None:
    owner = await identity.register()
    secret, _ = await enrol(owner)
    opened = (await identity.session(owner.email)).json()
    assert opened["second_factor"] is True
    assert (await identity.token(opened["session"])).status_code == 403
    present = code(secret)
    assert await identity.second_step(opened["session"], present) == 204
    assert (await identity.token(opened["session"])).status_code == 200
    again = (await identity.session(owner.email)).json()["session"]
    assert await identity.second_step(again, present) == 401


async def test_a_recovery_code_works_once(identity: Identity) -> None:
    owner = await identity.register()
    _, recovery = await enrol(owner)
    assert len(recovery) == 10
    for expected in (204, 401):
        session = (await identity.session(owner.email)).json()["session"]
        assert await identity.second_step(session, recovery[0]) == expected


async def test_a_recovery_code_is_nobody_else_s(identity: Identity) -> None:
    owner, other = await identity.register(), await identity.register()
    _, recovery = await enrol(owner)
    await enrol(other)
    session = (await identity.session(other.email)).json()["session"]
    assert await identity.second_step(session, recovery[0]) == 401
    session = (await identity.session(owner.email)).json()["session"]
    assert await identity.second_step(session, recovery[0]) == 204


async def test_a_session_alone_adds_no_second_factor(identity: Identity) -> None:
    """Who found one open could lock its owner out."""
    owner = await identity.register()
    for body in (None, {}, {"password": ""}):
        assert (await owner.call("POST", "/v1/me/totp", json=body)).status_code == 422
    wrong = await owner.call("POST", "/v1/me/totp", json={"password": "not it at all"})
    assert wrong.json()["type"] == "urn:facteur:problem:wrong-password"
    assert "secret" not in wrong.text
    session = (await identity.session(owner.email)).json()["session"]
    assert (await identity.token(session)).status_code == 200


async def test_new_recovery_codes_void_the_old_ones(identity: Identity) -> None:
    owner = await identity.register()
    _, old = await enrol(owner)
    path = "/v1/me/recovery-codes"
    wrong = await owner.call("POST", path, json={"password": "not it at all"})
    assert wrong.json()["type"] == "urn:facteur:problem:wrong-password"
    new = (await owner.call("POST", path, json={"password": PASSWORD})).json()["recovery_codes"]
    assert (len(new), set(new) & set(old)) == (10, set())
    session = (await identity.session(owner.email)).json()["session"]
    assert await identity.second_step(session, old[0]) == 401
    assert await identity.second_step(session, new[0]) == 204


async def test_wrong_codes_end_the_session(identity: Identity) -> None:
    owner = await identity.register()
    await enrol(owner)
    session = (await identity.session(owner.email)).json()["session"]
    assert [await identity.second_step(session, "000000") for _ in range(5)] == [401] * 5
    refused = await identity.token(session)
    assert refused.status_code == 401


async def test_whoever_knows_the_password_can_t_guess_codes_for_ever(identity: Identity) -> None:
    """Sessions opened beforehand, from many addresses: the account's own address stays open."""
    owner = await identity.register()
    secret, _ = await enrol(owner)
    opened = {}
    for n in range(6):
        answer = await identity.session(owner.email, address=f"198.51.100.{n}")
        opened[f"198.51.100.{n}"] = answer.json()["session"]
    answers = [await identity.second_step(s, "000000", a) for a, s in opened.items()]
    assert answers == [401, 401, 401, 401, 429, 429]
    assert (await identity.session(owner.email, address="198.51.100.0")).status_code == 429
    session = (await identity.session(owner.email)).json()["session"]
    assert await identity.second_step(session, code(secret, 1)) == 204


async def test_a_lost_authenticator_is_removed_with_a_recovery_code(identity: Identity) -> None:
    owner = await identity.register()
    _, recovery = await enrol(owner)
    wrong = await owner.call("POST", "/v1/me/totp/remove", json={"code": "000000"})
    assert wrong.json()["type"] == "urn:facteur:problem:wrong-code"
    gone = await owner.call("POST", "/v1/me/totp/remove", json={"code": recovery[3]})
    assert gone.status_code == 204
    assert (await identity.session(owner.email)).json()["second_factor"] is False


async def test_one_ends_one_s_own_sessions_and_nobody_else_s(identity: Identity) -> None:
    owner, stranger = await identity.register(), await identity.register()
    other = await identity.sign_in(owner.email)
    listed = (await owner.call("GET", "/v1/me/sessions")).json()
    assert sorted(s["current"] for s in listed) == [False, True]
    path = f"/v1/me/sessions/{next(s['session_id'] for s in listed if not s['current'])}"
    assert (await stranger.call("DELETE", path)).status_code == 404
    assert (await owner.call("DELETE", path)).status_code == 204
    assert (await other.call("GET", "/v1/me")).status_code == 401
    assert (await owner.call("GET", "/v1/me")).status_code == 200


async def test_an_api_key_changes_nothing_about_how_its_maker_signs_in(identity: Identity) -> None:
    owner = await identity.register()
    key = await key_of(identity, owner, scopes=["read", "write"])
    refused = [
        await key.call(method, path, json=body)
        for method, path, body in (
            ("POST", "/v1/me/totp", {"password": PASSWORD}),
            ("POST", "/v1/me/passkeys/options", None),
            ("PUT", "/v1/me/password", {"present": PASSWORD, "wanted": "une autre longue phrase"}),
            ("DELETE", "/v1/me/sessions", None),
            ("POST", "/v1/api-keys", KEY),
        )
    ]
    assert [r.json()["type"] for r in refused] == ["urn:facteur:problem:persons-only"] * 5


async def test_where_a_second_factor_is_required_who_has_none_reaches_enrolment_only(
    identity: Identity,
) -> None:
    owner = await identity.register("firm")
    required = {"support_access": False, "require_two_factor": True}
    path = f"/v1/companies/{owner.company_id}/privacy"
    assert (await owner.call("PUT", path, json=required)).status_code == 200
    unenrolled = await identity.sign_in(owner.email)
    refused = await unenrolled.call("GET", "/v1/companies")
    assert refused.json()["type"] == "urn:facteur:problem:second-factor-enrolment"
    await enrol(unenrolled)
    enrolled = await identity.token(unenrolled.session)
    unenrolled.token = enrolled.json()["access_token"]
    assert (await unenrolled.call("GET", "/v1/companies")).status_code == 200


async def test_one_company_s_second_factor_is_no_other_s(identity: Identity) -> None:
    """Who has none goes on in the companies that ask for none, in the session that is open."""
    strict, easy = await identity.register("firm", "Stricte"), await identity.register("firm")
    path = f"/v1/companies/{strict.company_id}/accountants"
    assert (await strict.call("POST", path, json={"email": easy.email})).status_code == 201
    inside = await identity.sign_in(easy.email, strict.company_id)
    own = f"/v1/companies/{strict.company_id}"
    assert (await inside.call("GET", own)).status_code == 200
    await require(strict, True)
    assert (await inside.call("GET", own)).json()["type"] == ENROLMENT
    assert (await easy.call("GET", "/v1/companies")).status_code == 200
    assert (await identity.token(easy.session, easy.company_id)).json()["enrolment_only"] is False
    assert (await identity.token(easy.session, strict.company_id)).json()["enrolment_only"] is True
    secret, _ = await enrol(inside)
    inside.token = (await identity.token(inside.session, strict.company_id)).json()["access_token"]
    assert (await inside.call("GET", own)).status_code == 200
    gone = await inside.call("POST", "/v1/me/totp/remove", json={"code": code(secret, 1)})
    assert gone.status_code == 204
    assert (await inside.call("GET", own)).json()["type"] == ENROLMENT


async def test_requiring_a_second_factor_asks_the_one_who_requires_it_first(
    identity: Identity,
) -> None:
    owner = await identity.register("firm")
    await require(owner, True)
    assert (await owner.call("GET", "/v1/companies")).json()["type"] == ENROLMENT


async def require(owner: Member, two_factor: bool) -> None:
    """The company's switch."""
    switches = {"support_access": False, "require_two_factor": two_factor}
    path = f"/v1/companies/{owner.company_id}/privacy"
    assert (await owner.call("PUT", path, json=switches)).status_code == 200


async def test_an_accountant_is_added_by_the_email_of_an_accountant_account(
    identity: Identity,
) -> None:
    owner, firm = await identity.register(), await identity.register("firm")
    path = f"/v1/companies/{owner.company_id}/accountants"
    unknown = await owner.call("POST", path, json={"email": "nobody@example.org"})
    employee = await identity.employee(owner)
    no_accountant = await owner.call("POST", path, json={"email": employee.email})
    assert [unknown.status_code, no_accountant.status_code] == [422, 422]
    assert unknown.json()["detail"] == no_accountant.json()["detail"]
    assert (await owner.call("POST", path, json={"email": firm.email})).status_code == 201
    working = await identity.sign_in(firm.email, owner.company_id)
    assert (await working.call("GET", f"/v1/companies/{owner.company_id}")).status_code == 200
    user = f"/v1/companies/{owner.company_id}/users/{firm.user_id}"
    assert (await owner.call("DELETE", user)).status_code == 204
    assert (await working.call("GET", f"/v1/companies/{owner.company_id}")).status_code == 401


async def test_support_has_access_only_while_the_switch_is_on(identity: Identity) -> None:
    owner, support = await identity.register(), await identity.register()
    db = await connect(identity.database.runtime_dsn, max_size=1)
    async with db.system_transaction() as conn:
        assert await privacy.make_support(conn, support.email)
    await db.close()
    enter = f"/v1/support/companies/{owner.company_id}"

    async def listed() -> bool:
        found = (await support.call("GET", "/v1/support/companies")).json()
        return owner.company_id in {company["company_id"] for company in found}

    assert (await owner.call("POST", enter)).status_code == 403
    assert (await support.call("POST", enter)).status_code == 403
    assert not await listed()
    switch = f"/v1/companies/{owner.company_id}/privacy"
    await owner.call("PUT", switch, json={"support_access": True, "require_two_factor": False})
    assert await listed()
    assert (await support.call("POST", enter)).status_code == 201
    inside = await identity.sign_in(support.email, owner.company_id)
    assert (await inside.call("GET", f"/v1/companies/{owner.company_id}")).status_code == 200
    await owner.call("PUT", switch, json={"support_access": False, "require_two_factor": False})
    assert (await inside.call("GET", f"/v1/companies/{owner.company_id}")).status_code == 401
    assert (await support.call("POST", enter)).status_code == 403


async def test_nobody_but_support_staff_enters_an_open_file(identity: Identity) -> None:
    owner, stranger = await identity.register(), await identity.register()
    opened = {"support_access": True, "require_two_factor": False}
    switch = f"/v1/companies/{owner.company_id}/privacy"
    assert (await owner.call("PUT", switch, json=opened)).status_code == 200
    refused = await stranger.call("POST", f"/v1/support/companies/{owner.company_id}")
    assert (refused.status_code, refused.json()["type"]) == (
        403,
        "urn:facteur:problem:support-only",
    )
    assert (await stranger.call("GET", "/v1/support/companies")).status_code == 403


async def test_who_is_no_longer_support_is_in_no_file(identity: Identity) -> None:
    """What `facteur support EMAIL --off` does: taking the flag away closes the files too."""
    owner, support = await identity.register(), await identity.register()
    await as_support(identity, support, on=True)
    switch = f"/v1/companies/{owner.company_id}/privacy"
    await owner.call("PUT", switch, json={"support_access": True, "require_two_factor": False})
    enter = f"/v1/support/companies/{owner.company_id}"
    assert (await support.call("POST", enter)).status_code == 201
    inside = await identity.sign_in(support.email, owner.company_id)
    own = f"/v1/companies/{owner.company_id}"
    assert (await inside.call("GET", own)).status_code == 200
    await as_support(identity, support, on=False)
    assert (await inside.call("GET", own)).status_code == 401
    assert (await identity.token(inside.session, owner.company_id)).status_code == 404
    assert (await support.call("GET", f"/v1/companies/{support.company_id}")).status_code == 200


async def as_support(identity: Identity, member: Member, *, on: bool) -> None:
    db = await connect(identity.database.runtime_dsn, max_size=1)
    async with db.system_transaction() as conn:
        actor = Actor(kind="system", id="operator")
        assert await set_support(conn, member.email, actor, system_clock, on=on)
    await db.close()


async def test_an_accountant_who_leaves_the_firm_loses_its_clients(identity: Identity) -> None:
    owner, firm = await identity.register(), await identity.register("firm")
    colleague = await identity.employee(firm)
    path = f"/v1/companies/{owner.company_id}/accountants"
    assert (await owner.call("POST", path, json={"email": colleague.email})).status_code == 201
    inside = await identity.sign_in(colleague.email, owner.company_id)
    own = f"/v1/companies/{owner.company_id}"
    assert (await inside.call("GET", own)).status_code == 200
    user = f"/v1/companies/{firm.company_id}/users/{colleague.user_id}"
    assert (await firm.call("DELETE", user)).status_code == 204
    assert (await inside.call("GET", own)).status_code == 401
    assert (await owner.call("GET", f"{own}/access-list")).json()[-1]["email"] == owner.email


async def test_in_a_firm_s_file_nobody_from_outside_acts_for_the_firm(identity: Identity) -> None:
    """D7: support sees a company by that company's switch alone; an accountant has the firm's file,
    not its clients'."""
    firm, accountant = await identity.register("firm"), await identity.register("firm")
    support = await identity.register()
    company = (await firm.call("POST", "/v1/companies", json=LEGAL)).json()["company_id"]
    await as_support(identity, support, on=True)
    switch = f"/v1/companies/{firm.company_id}/privacy"
    await firm.call("PUT", switch, json={"support_access": True, "require_two_factor": False})
    assert (
        await support.call("POST", f"/v1/support/companies/{firm.company_id}")
    ).status_code == 201
    path = f"/v1/companies/{firm.company_id}/accountants"
    assert (await firm.call("POST", path, json={"email": accountant.email})).status_code == 201
    for email in (support.email, accountant.email):
        inside = await identity.sign_in(email, firm.company_id)
        assert (await inside.call("GET", f"/v1/companies/{firm.company_id}")).status_code == 200
        assert (await inside.call("GET", "/v1/companies")).status_code == 403
        assert (await inside.call("GET", f"/v1/companies/{company}")).status_code == 404
    legal = f"/v1/companies/{company}/legal-information"
    assert (await inside.call("PUT", legal, json=LEGAL)).status_code == 404
    assert (await firm.call("PUT", legal, json=LEGAL)).status_code == 200


async def test_only_owners_see_who_has_access(identity: Identity) -> None:
    owner = await identity.register()
    employee = await identity.employee(owner)
    path = f"/v1/companies/{owner.company_id}/access-list"
    assert (await employee.call("GET", path)).status_code == 403
    lines = (await owner.call("GET", path)).json()
    assert {line["email"] for line in lines} == {owner.email, employee.email}
    assert all(0 <= line["password_strength"] <= 4 for line in lines)
    assert all(line["two_factor"] is False for line in lines)


async def test_the_list_of_access_says_what_each_signs_in_with(identity: Identity) -> None:
    """D9: the strength of the password that one has now, the second factor; external people below."""
    owner, firm = await identity.register(), await identity.register("firm")
    employee = await identity.employee(owner)
    own = f"/v1/companies/{owner.company_id}"
    added = await owner.call("POST", f"{own}/accountants", json={"email": firm.email})
    assert added.status_code == 201

    async def lines() -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = (await owner.call("GET", f"{own}/access-list")).json()
        return listed

    assert [line["email"] for line in await lines()][-1] == firm.email
    shown = {line["email"]: line for line in await lines()}
    assert shown[owner.email]["password_strength"] == 4
    assert {line["two_factor"] for line in shown.values()} == {False}
    weak = {"present": PASSWORD, "wanted": "motdepasse1234"}
    assert (await employee.call("PUT", "/v1/me/password", json=weak)).status_code == 204
    await enrol(owner)
    shown = {line["email"]: line for line in await lines()}
    assert shown[employee.email]["password_strength"] < 3
    assert {e: line["two_factor"] for e, line in shown.items()} == {
        owner.email: True, employee.email: False, firm.email: False,
    }  # fmt: skip


async def test_an_api_key_does_what_its_scopes_say_until_it_is_revoked(identity: Identity) -> None:
    owner = await identity.register("firm")
    made = await owner.call("POST", "/v1/api-keys", json=KEY)
    secret = {"Authorization": f"ApiKey {made.json()['secret']}"}
    token = (await identity.client.post("/v1/api-keys/token", headers=secret)).json()
    key = Member("", "", token["access_token"], token["company_id"], "", identity.client)
    assert (await key.call("GET", "/v1/companies")).status_code == 200
    refused = await key.call("POST", "/v1/companies", json={"name": "X"})
    assert refused.json()["type"] == "urn:facteur:problem:scope-missing"
    listed = (await owner.call("GET", "/v1/api-keys")).json()
    assert [k["name"] for k in listed] == ["ERP"]
    assert "secret" not in listed[0]
    gone = await owner.call("DELETE", f"/v1/api-keys/{made.json()['key_id']}")
    assert gone.status_code == 204
    assert (await key.call("GET", "/v1/companies")).status_code == 401
    assert (await identity.client.post("/v1/api-keys/token", headers=secret)).status_code == 401


async def test_a_key_is_made_by_the_password(identity: Identity) -> None:
    owner = await identity.register()
    wrong = await owner.call("POST", "/v1/api-keys", json={**KEY, "password": "not it at all"})
    assert wrong.json()["type"] == "urn:facteur:problem:wrong-password"
    without = await owner.call("POST", "/v1/api-keys", json={"name": "ERP", "scopes": ["read"]})
    assert [e["field"] for e in without.json()["errors"]] == ["password"]
    assert (await owner.call("GET", "/v1/api-keys")).json() == []


async def test_an_expired_key_gives_no_token_and_none_outlives_it(identity: Identity) -> None:
    owner = await identity.register()
    secret = await secret_of(owner)
    db = await connect(identity.database.runtime_dsn, max_size=1)
    async with db.system_transaction() as conn:
        await conn.execute(
            "UPDATE api_key SET expires_at = now() + interval '1 minute' WHERE company_id = $1",
            owner.company_id,
        )
    given = (await identity.client.post("/v1/api-keys/token", headers=secret)).json()
    left = datetime.fromisoformat(given["expires_at"]) - datetime.now(UTC)
    assert left < timedelta(minutes=1)
    async with db.system_transaction() as conn:
        await conn.execute(
            "UPDATE api_key SET expires_at = now() - interval '1 second' WHERE company_id = $1",
            owner.company_id,
        )
    await db.close()
    assert (await identity.client.post("/v1/api-keys/token", headers=secret)).status_code == 401


async def test_a_key_is_no_way_around_the_second_factor(identity: Identity) -> None:
    owner = await identity.register("firm")
    secret, key = await secret_of(owner), await key_of(identity, owner)
    assert (await key.call("GET", "/v1/companies")).status_code == 200
    await require(owner, True)
    assert (await key.call("GET", "/v1/companies")).json()["type"] == ENROLMENT
    refused = await identity.client.post("/v1/api-keys/token", headers=secret)
    assert (refused.status_code, refused.json()["type"]) == (403, ENROLMENT)
    await enrol(owner)
    given = (await identity.client.post("/v1/api-keys/token", headers=secret)).json()
    key.token = given["access_token"]
    assert (await key.call("GET", "/v1/companies")).status_code == 200


async def test_a_former_user_is_erased_and_a_present_one_isn_t(identity: Identity) -> None:
    owner = await identity.register()
    employee = await identity.employee(owner)
    user = f"/v1/companies/{owner.company_id}/users/{employee.user_id}"
    assert (await owner.call("DELETE", f"{user}/data")).status_code == 409
    assert (await employee.call("GET", "/v1/me/data")).json()["user"]["email"] == employee.email
    await owner.call("DELETE", user)
    assert (await owner.call("DELETE", f"{user}/data")).status_code == 204
    assert (await identity.session(employee.email)).status_code == 401
    assert (await identity.token(employee.session)).status_code == 401
