"""Sign-up, sign-in, sessions and passwords over HTTP."""

import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from shared.database import connect
from tests.integration.identity.conftest import LEGAL, PASSWORD, Identity
from tests.services import eventually


async def test_who_registers_a_company_is_its_first_owner(identity: Identity) -> None:
    owner = await identity.register()
    headers = {"Authorization": f"Session {owner.session}"}
    companies = await identity.client.get("/v1/sessions/current/companies", headers=headers)
    assert [(c["name"], c["role"]) for c in companies.json()] == [("Cabinet Martin", "owner")]


async def test_a_token_opens_what_its_owner_may_see(identity: Identity) -> None:
    owner = await identity.register("firm")
    assert (await owner.call("GET", "/v1/companies")).json() == []
    assert (await identity.client.get("/v1/companies")).status_code == 401


async def test_a_session_that_was_signed_out_gives_no_token_and_its_token_is_refused(
    identity: Identity,
) -> None:
    owner = await identity.register("firm")
    headers = {"Authorization": f"Session {owner.session}"}
    gone = await identity.client.delete("/v1/sessions/current", headers=headers)
    assert gone.status_code == 204
    assert (await identity.token(owner.session)).status_code == 401
    assert (await owner.call("GET", "/v1/companies")).status_code == 401


async def test_an_unknown_email_and_a_wrong_password_get_the_same_answer(
    identity: Identity,
) -> None:
    owner = await identity.register()
    answers = [
        await identity.session(email, "not this one at all")
        for email in (owner.email, "nobody@example.org")
    ]
    bodies = [{k: v for k, v in a.json().items() if k != "trace_id"} for a in answers]
    assert [a.status_code for a in answers] == [401, 401]
    assert bodies[0] == bodies[1]


async def test_sign_up_tells_nobody_who_has_an_account(identity: Identity) -> None:
    """The same answer for both; the holder of the account hears of it, and nothing is created."""
    owner = await identity.register()
    answers = []
    for address in (owner.email, owner.email.upper(), f"new-{owner.email}"):
        body = {"company": LEGAL, "email": address, "password": "une tout autre longue phrase",
                "first_name": "X", "last_name": "Y"}  # fmt: skip
        answers.append(await identity.ask("/v1/registrations", body))
    assert [(a.status_code, a.json()) for a in answers] == [(202, answers[0].json())] * 3
    told = await identity.letter(owner.email, "déjà un compte")
    assert "/sign-in" in told.get_content()
    assert (await identity.session(owner.email)).status_code == 201
    assert (await identity.session(owner.email, "une tout autre longue phrase")).status_code == 401
    assert (await identity.session(f"new-{owner.email}")).status_code == 401


async def test_the_link_of_a_sign_up_works_once_and_a_letter_comes_once_a_minute(
    identity: Identity,
) -> None:
    address = f"{uuid4().hex}@example.org"
    body = {"company": LEGAL, "email": address, "password": PASSWORD,
            "first_name": "X", "last_name": "Y"}  # fmt: skip
    asked = [(await identity.ask("/v1/registrations", body)).status_code for _ in "abc"]
    assert asked == [202, 202, 202]
    secret = {"secret": await identity.link(address, "sign-up/confirm"), "password": PASSWORD}
    path = "/v1/registrations/confirm"
    answers = [(await identity.client.post(path, json=secret)).status_code for _ in "ab"]
    assert answers == [201, 410]
    db = await connect(identity.database.runtime_dsn, max_size=1)
    letters = await db.pool.fetchval(
        "SELECT count(*) FROM outgoing_mail WHERE recipient = $1", address
    )
    await db.close()
    assert letters == 1
    unknown = await identity.client.post(path, json={**secret, "secret": "nothing"})
    assert unknown.status_code == 410


async def test_wrong_check_digits_are_refused_field_by_field(identity: Identity) -> None:
    company = LEGAL | {"registration_number": "732829321", "vat_number": "FR44732829321"}
    body = {
        "company": company, "email": "a@example.org", "password": PASSWORD,
        "first_name": "A", "last_name": "B",
    }  # fmt: skip
    refused = await identity.ask("/v1/registrations", body)
    assert refused.status_code == 422
    assert {e["field"] for e in refused.json()["errors"]} == {"registration_number", "vat_number"}


async def test_guesses_lock_out_the_attacker_and_not_the_owner(identity: Identity) -> None:
    owner = await identity.register()
    assert (await identity.session(owner.email, address="192.0.2.7")).status_code == 201
    guesses = [
        (await identity.session(owner.email, "wrong guess", f"198.51.100.{n}")).status_code
        for n in range(6)
    ]
    assert guesses == [401, 401, 401, 401, 429, 429]
    right_but_unknown = await identity.session(owner.email, address="198.51.100.99")
    assert right_but_unknown.status_code == 429
    assert (await identity.session(owner.email, address="192.0.2.7")).status_code == 201


async def test_one_address_that_guesses_many_accounts_has_to_wait(identity: Identity) -> None:
    answers = [
        (await identity.session(f"u{n}@example.org", "guess", "203.0.113.5")).status_code
        for n in range(10)
    ]
    assert answers == [401] * 8 + [429] * 2
    waits = await identity.session("u@example.org", "guess", "203.0.113.5")
    assert waits.headers["Retry-After"] == "300"


async def test_a_session_ends_by_itself_and_no_token_outlives_it(identity: Identity) -> None:
    owner = await identity.register()
    db = await connect(identity.database.runtime_dsn, max_size=1)

    async def ends(when: str) -> None:
        await db.pool.execute(
            "UPDATE session SET expires_at = now() + $2::text::interval "
            "WHERE user_id = (SELECT user_id FROM app_user WHERE email = $1)",
            owner.email, when,
        )  # fmt: skip

    await ends("1 minute")
    given = await identity.token(owner.session)
    left = datetime.fromisoformat(given.json()["expires_at"]) - datetime.now(UTC)
    assert left < timedelta(minutes=1)
    await ends("-1 second")
    assert (await identity.token(owner.session)).status_code == 401
    await db.close()


async def test_the_link_for_a_forgotten_password_is_over_after_an_hour(identity: Identity) -> None:
    owner = await identity.register()
    await identity.ask("/v1/password-resets", {"email": owner.email})
    await identity.letter(owner.email, "mot de passe")
    secret = await identity.link(owner.email)
    db = await connect(identity.database.runtime_dsn, max_size=1)
    left = await db.pool.fetchval(
        "UPDATE password_reset r SET expires_at = now() - interval '1 second' FROM app_user u "
        "WHERE u.user_id = r.user_id AND u.email = $1 RETURNING "
        "(SELECT expires_at - now() FROM password_reset o WHERE o.user_id = r.user_id)",
        owner.email,
    )
    await db.close()
    assert timedelta(minutes=55) < left <= timedelta(hours=1)
    body = {"secret": secret, "password": "une tout autre longue phrase"}
    assert (await identity.client.post("/v1/invitations/accept", json=body)).status_code == 410
    assert (await identity.session(owner.email)).status_code == 201


async def test_a_new_password_ends_the_other_sessions(identity: Identity) -> None:
    owner = await identity.register("firm")
    other = await identity.sign_in(owner.email)
    wrong = {"present": "not it", "wanted": "une autre longue phrase"}
    assert (await owner.call("PUT", "/v1/me/password", json=wrong)).status_code == 401
    right = {"present": PASSWORD, "wanted": "une autre longue phrase"}
    assert (await owner.call("PUT", "/v1/me/password", json=right)).status_code == 204
    assert (await other.call("GET", "/v1/companies")).status_code == 401
    assert (await owner.call("GET", "/v1/companies")).status_code == 200
    assert (await identity.session(owner.email)).status_code == 401
    assert (await identity.session(owner.email, "une autre longue phrase")).status_code == 201


async def test_the_email_can_t_be_changed(identity: Identity) -> None:
    owner = await identity.register()
    body = {"first_name": "A", "last_name": "B", "language": "nl", "email": "new@example.org"}
    refused = await owner.call("PATCH", "/v1/me", json=body)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "email"
    del body["email"]
    assert (await owner.call("PATCH", "/v1/me", json=body)).status_code == 204


async def test_a_forgotten_password_is_set_by_a_letter_and_nobody_learns_who_has_an_account(
    identity: Identity,
) -> None:
    owner = await identity.register()
    answers = [
        await identity.ask("/v1/password-resets", {"email": address})
        for address in (owner.email, owner.email, f"nobody-{owner.email}")
    ]
    assert [(a.status_code, a.json()) for a in answers] == [(202, answers[0].json())] * 3

    async def told() -> str | None:
        text = (await identity.letter(owner.email)).get_content()
        found = re.search(r"/invitation/(\S+)", text)
        return found.group(1) if found else None

    secret = await eventually(told)
    body = {"secret": secret, "password": "une tout autre longue phrase"}
    accepted = [await identity.client.post("/v1/invitations/accept", json=body) for _ in "ab"]
    assert [a.status_code for a in accepted] == [204, 410]
    assert (await owner.call("GET", "/v1/me")).status_code == 401
    assert (await identity.session(owner.email)).status_code == 401
    assert (await identity.session(owner.email, body["password"])).status_code == 201
    db = await connect(identity.database.runtime_dsn, max_size=1)
    letters = await db.pool.fetchval(
        "SELECT count(*) FROM outgoing_mail WHERE recipient IN ($1, 'nobody-' || $1)", owner.email
    )
    await db.close()
    assert letters == 2, "the sign-up's and one more"
