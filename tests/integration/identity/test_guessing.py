"""Guesses of passwords and codes: counted wherever they are made, and however many at once."""

import asyncio

from shared.database import connect
from tests.integration.identity.conftest import PASSWORD, Identity, code, enrol


def slugs(answers: list) -> list[str]:  # type: ignore[type-arg]
    return [a.json()["type"].rpartition(":")[2] for a in answers]


async def test_codes_of_an_enrolled_authenticator_can_t_be_guessed_where_one_enrols(
    identity: Identity,
) -> None:
    """Not even the right one: it would void the recovery codes and show new ones."""
    owner = await identity.register()
    secret, recovery = await enrol(owner)
    answers = [
        await owner.call("POST", "/v1/me/totp/confirm", json={"code": given})
        for given in ("000000", code(secret), code(secret, 1))
    ]
    assert slugs(answers) == ["already-enrolled"] * 3
    session = (await identity.session(owner.email)).json()["session"]
    assert await identity.second_step(session, recovery[0]) == 204


async def test_wrong_codes_count_while_one_enrols_too(identity: Identity) -> None:
    owner = await identity.register()
    await owner.call("POST", "/v1/me/totp", json={"password": PASSWORD})
    answers = [
        await owner.call("POST", "/v1/me/totp/confirm", json={"code": "000000"}) for _ in range(10)
    ]
    assert slugs(answers)[:4] == ["wrong-code"] * 4
    assert slugs(answers)[-1] == "too-many-attempts"


async def test_passwords_guessed_at_once_by_a_session_are_judged_one_by_one(
    identity: Identity,
) -> None:
    owner = await identity.register()
    body = {"present": "not it at all", "wanted": "une autre longue phrase"}
    headers = {**owner.bearer, "X-Forwarded-For": "198.51.100.77"}
    answers = await asyncio.gather(
        *(identity.client.put("/v1/me/password", json=body, headers=headers) for _ in range(20))
    )
    assert slugs(answers).count("wrong-password") == 4
    assert set(slugs(answers)) == {"wrong-password", "too-many-attempts"}


async def test_codes_guessed_at_once_in_many_sessions_are_judged_one_by_one(
    identity: Identity,
) -> None:
    owner = await identity.register()
    await enrol(owner)
    opened = [
        (await identity.session(owner.email, address=f"203.0.113.{n}")).json()["session"]
        for n in range(12)
    ]
    answers = await asyncio.gather(
        *(identity.second_step(s, "000000", f"203.0.113.{n}") for n, s in enumerate(opened))
    )
    assert (answers.count(401), answers.count(429)) == (4, 8)
    again = await asyncio.gather(
        *(identity.second_step(opened[0], "000000", identity.address) for _ in range(12))
    )
    assert again.count(401) <= 5
    db = await connect(identity.database.runtime_dsn, max_size=1)
    most = await db.pool.fetchval(
        "SELECT max(wrong_codes) FROM session s JOIN app_user u USING (user_id) WHERE u.email = $1",
        owner.email,
    )
    await db.close()
    assert most <= 5


async def test_whoever_came_in_before_the_second_factor_goes(identity: Identity) -> None:
    """Enrolling, and removing, ends the sessions that were opened without it, tokens and all."""
    owner = await identity.register("firm")
    thief = await identity.sign_in(owner.email)
    secret, _ = await enrol(owner)
    assert (await thief.call("GET", "/v1/companies")).status_code == 401
    opened = (await identity.session(owner.email)).json()["session"]
    assert await identity.second_step(opened, code(secret)) == 204
    gone = await owner.call("POST", "/v1/me/totp/remove", json={"code": code(secret, 1)})
    assert gone.status_code == 204
    assert (await identity.token(opened)).status_code == 401
    assert (await owner.call("GET", "/v1/companies")).status_code == 200


async def test_a_password_alone_adds_no_factor_to_those_that_there_are(identity: Identity) -> None:
    """A token from before the first one was enrolled, at the same moment elsewhere."""
    owner = await identity.register()
    await owner.call("POST", "/v1/me/totp", json={"password": PASSWORD})
    db = await connect(identity.database.runtime_dsn, max_size=1)
    await db.pool.execute(
        "UPDATE app_user SET totp_confirmed_at = now() WHERE email = $1", owner.email
    )
    await db.close()
    body = {"name": "clé", "password": PASSWORD, "credential": {}}
    assert slugs([await owner.call("POST", "/v1/me/passkeys", json=body)]) == [
        "second-factor-needed"
    ]


async def test_many_accounts_guessed_at_once_from_one_address_are_as_few_as_one_by_one(
    identity: Identity,
) -> None:
    """Eight failures are let in, and those that are being judged when the eighth is counted."""
    owner = await identity.register()
    answers = await asyncio.gather(
        *(identity.session(f"somebody-{n}@example.org", "not it at all") for n in range(60))
    )
    assert set(slugs(answers)) == {"wrong-credentials", "too-many-attempts"}
    assert 8 <= slugs(answers).count("wrong-credentials") <= 12
    elsewhere = await identity.session(owner.email, address="198.51.100.201")
    assert elsewhere.status_code == 201


async def test_an_account_is_one_however_its_address_is_written(identity: Identity) -> None:
    """PostgreSQL's small letter of İ is i, Python's isn't: the guesses count together all the same."""
    owner = await identity.register()
    db = await connect(identity.database.runtime_dsn, max_size=1)
    email = f"iiii{owner.email}"
    await db.pool.execute("UPDATE app_user SET email = $1 WHERE email = $2", email, owner.email)
    await db.close()
    spellings = [email, email.upper(), *(email.replace("i", "İ", n) for n in range(1, 5))]
    opened = await identity.session(spellings[2], address="198.51.100.202")
    assert opened.status_code == 201, "the database reads them alike"
    answers = [
        await identity.session(spelling, "not it at all", f"203.0.113.{n}")
        for n, spelling in enumerate(spellings * 2)
    ]
    assert slugs(answers).count("wrong-credentials") == 4
