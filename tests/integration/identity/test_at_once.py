"""What works once works once also for those who come at the same moment."""

import asyncio
from uuid import uuid4

from tests.integration.identity.conftest import PASSWORD, Identity, code, enrol
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
