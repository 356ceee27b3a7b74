"""What works once works once also for those who come at the same moment."""

import asyncio
from uuid import uuid4

from shared.database import connect
from tests.integration.identity.conftest import (
    PASSWORD,
    Identity,
    at_once,
    code,
    enrol,
    row_of,
)
from tests.integration.identity.test_letters import NEW


async def test_an_invitation(identity: Identity) -> None:
    """Whoever has read the letter too: one password is set, by one of them."""
    owner = await identity.register()
    invited = (await identity.invite(owner)).json()
    secret = await identity.link(invited["email"])
    passwords = [f"{PASSWORD} {n}" for n in range(8)]
    answers = await asyncio.gather(*(
        identity.client.post("/v1/invitations/accept", json={"secret": secret, "password": p})
        for p in passwords
    ))  # fmt: skip
    statuses = [a.status_code for a in answers]
    assert sorted(statuses) == [204] + [410] * 7
    chosen = passwords[statuses.index(204)]
    assert (await identity.session(invited["email"], chosen)).status_code == 201


async def test_a_sign_up(identity: Identity) -> None:
    """One company, one owner."""
    email = f"{uuid4().hex}@example.org"
    await identity.ask("/v1/registrations", {**NEW, "email": email})
    body = {"secret": await identity.link(email, "sign-up/confirm"), "password": PASSWORD}
    answers = await asyncio.gather(*(
        identity.client.post("/v1/registrations/confirm", json=body) for _ in range(8)
    ))  # fmt: skip
    assert sorted(a.status_code for a in answers) == [201] + [410] * 7
    member = await identity.sign_in(email)
    listed = await identity.client.get(
        "/v1/sessions/current/companies", headers={"Authorization": f"Session {member.session}"}
    )
    assert len(listed.json()) == 1


async def test_the_same_person_invited_by_two_hands(identity: Identity) -> None:
    owner, email = await identity.register(), f"{uuid4().hex}@example.org"
    answers = await asyncio.gather(*(identity.invite(owner, email) for _ in range(6)))
    assert sorted(a.status_code for a in answers) == [201] + [409] * 5
    path = f"/v1/companies/{owner.company_id}/users"
    listed = (await owner.call("GET", path)).json()
    assert [user["email"] for user in listed].count(email) == 1


async def test_a_code_of_the_app(identity: Identity) -> None:
    """Seen over a shoulder and typed at the same moment, it opens one session."""
    owner = await identity.register()
    secret, _ = await enrol(owner)
    assert await _opened(identity, owner.email, code(secret, 1)) == 1


async def test_a_recovery_code(identity: Identity) -> None:
    owner = await identity.register()
    _, recovery = await enrol(owner)
    assert await _opened(identity, owner.email, recovery[0]) == 1


async def _opened(identity: Identity, email: str, given: str) -> int:
    """How many of four sessions a code opens, given in all of them at once."""
    sessions = [(await identity.session(email)).json()["session"] for _ in range(4)]
    answers = await asyncio.gather(*(
        identity.second_step(s, given, f"198.51.100.{n}") for n, s in enumerate(sessions)
    ))  # fmt: skip
    return sum(answer < 300 for answer in answers)


async def test_links_of_two_companies_to_one_who_has_no_account(identity: Identity) -> None:
    """One opens the account, the other is accepted with it; nobody sees an error of ours."""
    owners, email = [await identity.register() for _ in range(2)], f"{uuid4().hex}@example.org"
    secrets: list[str] = []
    for owner in owners:
        assert (await identity.invite(owner, email)).status_code == 201
        secrets.append(await identity.link(email, other_than=secrets[-1] if secrets else ""))
    answers = await asyncio.gather(*(
        identity.client.post("/v1/invitations/accept", json={"secret": s, "password": PASSWORD})
        for s in secrets
    ))  # fmt: skip
    assert sorted(a.status_code for a in answers) == [204, 409]
    member = await identity.sign_in(email)
    assert len(await identity.offers(member)) == 1


async def test_two_sign_ups_of_one_address(identity: Identity) -> None:
    """Two letters, both followed: one account."""
    email = f"{uuid4().hex}@example.org"
    secrets: list[str] = []
    db = await connect(identity.database.runtime_dsn, max_size=1)
    for _ in range(2):
        await identity.ask("/v1/registrations", {**NEW, "email": email})
        other = secrets[-1] if secrets else ""
        secrets.append(await identity.link(email, "sign-up/confirm", other))
        # a minute passes: no more letters than that go to one address
        await db.pool.execute(
            "UPDATE registration SET asked_at = asked_at - interval '2 minutes' WHERE email = $1",
            email,
        )
    await db.close()
    answers = await asyncio.gather(*(
        identity.client.post("/v1/registrations/confirm", json={"secret": s, "password": PASSWORD})
        for s in secrets
    ))  # fmt: skip
    statuses = sorted(a.status_code for a in answers)
    assert statuses[0] == 201
    assert statuses[1] in (409, 410)


async def test_an_accountant_added_by_two_hands(identity: Identity) -> None:
    owner, accountant = await identity.register(), await identity.register("firm")
    path, body = f"/v1/companies/{owner.company_id}/accountants", {"email": accountant.email}
    answers = await at_once(
        identity, row_of(owner.company_id), *(owner.call("POST", path, json=body) for _ in range(4))
    )
    assert sorted(a.status_code for a in answers) == [201] + [409] * 3
