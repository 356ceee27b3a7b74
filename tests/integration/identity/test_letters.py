"""Accounts and letters that anybody may ask for: who chooses the password, and how often one may ask."""

import asyncio
from uuid import uuid4

import pytest

from services.identity.domain import passwords
from shared.database import connect
from shared.secretbox import load_box
from tests.integration.identity.conftest import LEGAL, PASSWORD, Identity

NEW = {"company": LEGAL, "first_name": "X", "last_name": "Y"}


async def confirm(identity: Identity, secret: str, password: str = PASSWORD) -> int:
    body = {"secret": secret, "password": password}
    return (await identity.client.post("/v1/registrations/confirm", json=body)).status_code


async def test_a_sign_up_s_password_is_chosen_by_whoever_has_the_letter(
    identity: Identity,
) -> None:
    """Whoever asked for it with somebody else's address knows no password of the account."""
    victim, guess = f"{uuid4().hex}@example.org", "le mot de passe du voleur"
    asked = await identity.ask("/v1/registrations", {**NEW, "email": victim, "password": guess})
    assert asked.status_code == 202
    secret = await identity.link(victim, "sign-up/confirm")
    look = await identity.client.post("/v1/registrations/look", json={"secret": secret})
    assert (look.json()["email"], look.json()["company"]["name"]) == (victim, LEGAL["name"])
    without = await identity.client.post("/v1/registrations/confirm", json={"secret": secret})
    assert [e["field"] for e in without.json()["errors"]] == ["password"]
    assert await confirm(identity, secret, "short") == 422
    assert await confirm(identity, secret) == 201
    assert (await identity.session(victim, guess)).status_code == 401
    assert (await identity.session(victim)).status_code == 201


async def test_a_letter_stands_for_what_was_typed_when_it_was_asked_for(
    identity: Identity,
) -> None:
    """A stranger's later sign-up with the same address changes nothing in it."""
    name = uuid4().hex
    email, written = f"{name}@example.org", f"{name.upper()}@example.org"
    await identity.ask("/v1/registrations", {**NEW, "email": email})
    first = await identity.link(email, "sign-up/confirm")
    await a_minute_later(identity, email)
    other = {**NEW, "email": written, "company": {**LEGAL, "name": "Une autre"}}
    assert (await identity.ask("/v1/registrations", other)).status_code == 202
    await identity.link(written, "sign-up/confirm")
    assert await confirm(identity, first) == 201
    member = await identity.sign_in(email)
    found = (await member.call("GET", f"/v1/companies/{member.company_id}")).json()
    assert found["company"]["name"] == LEGAL["name"]


async def a_minute_later(identity: Identity, email: str) -> None:
    db = await connect(identity.database.runtime_dsn, max_size=1)
    await db.pool.execute(
        "UPDATE registration SET asked_at = asked_at - interval '1 minute' WHERE email = $1", email
    )
    await db.close()


async def test_a_letter_to_a_stranger_carries_nothing_that_somebody_typed(
    identity: Identity,
) -> None:
    email = f"{uuid4().hex}@example.org"
    body = {"company": {"name": "Gagnez mille euros"}, "first_name": "Cliquez", "last_name": "Ici",
            "email": email}  # fmt: skip
    await identity.ask("/v1/registrations", body)
    letter = await identity.letter(email)
    for typed in ("Gagnez", "Cliquez", "Ici"):
        assert typed not in letter.get_content() + letter["Subject"]


async def test_from_one_network_so_many_are_asked_for_in_an_hour(identity: Identity) -> None:
    """Sign-ups and forgotten passwords together, whoever they are about; others go on."""
    near, far = "100.64.7.", "100.64.8.1"
    answers = []
    for n in range(7):
        new = {**NEW, "email": f"{uuid4().hex}@example.org"}
        answers.append(await identity.ask("/v1/registrations", new, f"{near}{n}"))
        forgotten = {"email": "nobody@example.org"}
        answers.append(await identity.ask("/v1/password-resets", forgotten, f"{near}{n + 100}"))
    assert [a.status_code for a in answers] == [202] * 12 + [429] * 2
    assert answers[-1].json()["type"] == "urn:facteur:problem:too-many-asked"
    assert answers[-1].headers["Retry-After"] == "3600"
    other = await identity.ask("/v1/password-resets", {"email": "nobody@example.org"}, far)
    assert other.status_code == 202


async def test_nothing_is_hashed_for_whoever_holds_no_link(
    identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many made-up links come: the hasher isn't asked once."""
    hashed: list[str] = []
    hasher = passwords._hasher

    class Counting:
        def hash(self, password: str) -> str:
            hashed.append(password)
            return hasher.hash(password)

    monkeypatch.setattr(passwords, "_hasher", Counting())
    body = {"secret": "x" * 43, "password": PASSWORD}
    for path in ("/v1/invitations/accept", "/v1/registrations/confirm"):
        answers = await asyncio.gather(*(identity.client.post(path, json=body) for _ in range(20)))
        assert {a.status_code for a in answers} == {410}
    email = f"{uuid4().hex}@example.org"
    new = {**NEW, "email": email, "password": PASSWORD}
    assert (await identity.ask("/v1/registrations", new)).status_code == 202
    assert hashed == []
    assert await confirm(identity, await identity.link(email, "sign-up/confirm")) == 201
    assert hashed == [PASSWORD]


async def test_failures_of_ipv6_are_counted_by_64(identity: Identity) -> None:
    """A subscriber has that many addresses, and a new one for each guess."""
    answers = [
        (await identity.session(f"u{n}@example.org", "guess", f"2001:db8:0:7::{n:x}")).status_code
        for n in range(1, 11)
    ]
    assert answers == [401] * 8 + [429] * 2
    elsewhere = await identity.session("u@example.org", "guess", "2001:db8:0:8::1")
    assert elsewhere.status_code == 401


async def test_who_comes_from_a_known_ipv6_network_isn_t_kept_out(identity: Identity) -> None:
    owner = await identity.register()
    assert (await identity.session(owner.email, address="2001:db8:1:1::1")).status_code == 201
    for n in range(5):
        await identity.session(owner.email, "wrong guess", f"198.51.100.{n}")
    assert (await identity.session(owner.email, address="2001:db8:1:1::2")).status_code == 201
    assert (await identity.session(owner.email, address="2001:db8:1:2::2")).status_code == 429


ENCODED = [
    "=?utf-8?q?{name}=40example.org=2C?=x@example.com",
    "=?utf-8?q?{name}=40example.org=0D=0ABcc=3Ab=40example.net=0D=0A=0D=0AGagnez?=x@example.com",
    "=?UTF-8?B?w6k=?={name}@example.com",
]


@pytest.mark.parametrize("address", ENCODED, ids=["others", "headers", "letters"])
async def test_an_address_that_reads_as_another_gets_no_letter(
    identity: Identity, address: str
) -> None:
    """Who signs up or invites chooses one reader, no headers and no words of a letter."""
    name = f"a{uuid4().hex[:12]}"
    hidden, owner = address.format(name=name), await identity.register()
    before = len(identity.mail.store.all())
    asked = await identity.ask("/v1/registrations", {**NEW, "email": hidden})
    invited = await identity.invite(owner, hidden)
    for answer in (asked, invited):
        assert answer.status_code == 422
        assert [e["field"] for e in answer.json()["errors"]] == ["email"]
    await identity.register()  # whose letter comes after any of theirs
    assert len(identity.mail.store.all()) == before + 1


async def test_a_letter_that_can_t_be_written_keeps_no_other_waiting(identity: Identity) -> None:
    """One from before such addresses were refused."""
    email, hidden = f"{uuid4().hex}@example.org", ENCODED[1].format(name="a")
    db = await connect(identity.database.runtime_dsn, max_size=1)
    box = load_box(identity.master_key_file)
    mail_id = uuid4()
    await db.pool.execute(
        "INSERT INTO outgoing_mail (mail_id, recipient, subject, body, attempts, next_attempt_at) "
        "VALUES ($1, $2, 'Objet', $3, 0, now() - interval '1 day')",
        mail_id, hidden, box.seal(b"Bonjour", mail_id),
    )  # fmt: skip
    await identity.ask("/v1/registrations", {**NEW, "email": email})
    assert await confirm(identity, await identity.link(email, "sign-up/confirm")) == 201
    row = await db.pool.fetchrow(
        "SELECT sent_at, attempts FROM outgoing_mail WHERE mail_id = $1", mail_id
    )
    await db.pool.execute("DELETE FROM outgoing_mail WHERE mail_id = $1", mail_id)
    await db.close()
    assert row is not None
    assert (row["sent_at"], row["attempts"]) == (None, 1)
