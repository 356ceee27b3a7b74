"""Signing up and being invited, by real letters; what the pages say tells nobody who has an account."""

import re
from collections.abc import AsyncIterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from deploy.local.broker import Broker
from deploy.local.peers import mailbox
from deploy.local.pki import Pki
from tests.browser.conftest import Screen, screen
from tests.conftest import DatabaseFactory
from tests.platform import PASSWORD, Platform, platform
from tests.services import eventually


@pytest.fixture
async def mail(tmp_path: Path) -> AsyncIterator[mailbox.Mailbox]:
    pki = Pki.at(tmp_path / "pki")
    pki.server()
    tls = (pki.folder / "tls-localhost.pem", pki.folder / "tls-localhost.key")
    found = await mailbox.Mailbox(mailbox.Options(tmp_path / "mail", *tls)).start()
    yield found
    await found.close()


@pytest.fixture
async def running(
    new_database: DatabaseFactory, kafka_broker: Broker, tmp_path: Path, mail: mailbox.Mailbox
) -> AsyncIterator[Platform]:
    smtp = {"host": "localhost", "port": mail.ports["smtp"], "sender": "facteur@localhost.example",
            "ca_file": str(tmp_path / "pki" / "tls-ca.pem")}  # fmt: skip
    async with platform(new_database, kafka_broker, tmp_path, smtp=smtp) as found:
        yield found


async def letters(mail: mailbox.Mailbox, recipient: str, count: int) -> list[EmailMessage]:
    """The letters to somebody, once there are as many."""

    async def arrived() -> list[EmailMessage] | None:
        found = []
        for received in mail.store.all():
            message = message_from_bytes(mail.store.content(received.id), policy=policy.default)
            assert isinstance(message, EmailMessage)
            if message["To"] == recipient:
                found.append(message)
        return found if len(found) >= count else None

    complete: list[EmailMessage] = await eventually(arrived)
    return complete


def link(letter: EmailMessage) -> str:
    """Where it leads, from the root of the portal."""
    found = re.search(r"https?://[^/\s]+(/\S+)", letter.get_content())
    assert found
    return found.group(1)


async def sign_up(person: Screen, email: str, name: str) -> None:
    page = person.page
    await person.go("/sign-up")
    for field, value in (("first_name", "Ana"), ("last_name", "Roy"), ("email", email),
                         ("name", name)):  # fmt: skip
        await page.locator(f"[name='{field}']").fill(value)
    await person.press("Créer le compte")
    await expect(page.get_by_role("heading", name="Regardez vos courriels")).to_be_visible()


@pytest.mark.parametrize("width", [1280, 360])
async def test_sign_up_is_confirmed_by_mail_and_invitations_go_to_the_invited_alone(
    running: Platform, chromium: Browser, mail: mailbox.Mailbox, width: int
) -> None:
    """D1 and D4, without JavaScript; axe looks at each page in a second window."""
    person = await screen(chromium, running, javascript=False, width=width)
    looker = await screen(chromium, running, width=width)
    page, email = person.page, "ana@roy.example"
    await sign_up(person, email, "Roy et fils")
    where = link((await letters(mail, email, 1))[0])
    await looker.go(where)
    assert await looker.flaws() == []
    await person.go(where)
    await expect(page.locator("dl.facts")).to_contain_text("Roy et fils")
    await page.fill("#password", "court")
    await person.press("Ouvrir le compte")
    await expect(page.locator(".wrong")).to_be_visible()
    await page.fill("#password", PASSWORD)
    await person.press("Ouvrir le compte")
    await expect(page.get_by_role("heading", name="Connexion")).to_be_visible()
    await person.go(where)
    await expect(page.get_by_role("alert")).to_contain_text("a déjà servi")
    await person.sign_in(email)
    await expect(page.locator(".where")).to_contain_text("Roy et fils")
    other = await screen(chromium, running, javascript=False, width=width)
    await sign_up(other, email, "Une autre")
    told = (await letters(mail, email, 2))[-1]
    assert link(told) == "/sign-in"
    await person.go(str(await page.locator("a[href$='/users']").first.get_attribute("href")))
    await person.follow("Créer un utilisateur")
    invited = "luc@petit.example"
    for field, value in (("first_name", "Luc"), ("last_name", "Petit"), ("email", invited)):
        await page.fill(f"#{field}", value)
    await person.press("Créer un utilisateur")
    await expect(page.get_by_role("status")).to_contain_text("l’invitation part par e-mail")
    await expect(page.locator("code.secret")).to_have_count(0)
    [first] = await letters(mail, invited, 1)
    await person.press("Renvoyer l’invitation Luc Petit")
    await expect(page.get_by_role("status")).to_contain_text("la précédente ne vaut plus")
    second = next(
        m for m in await letters(mail, invited, 2) if m["Message-ID"] != first["Message-ID"]
    )
    luc = await screen(chromium, running, javascript=False, width=width)
    await luc.go(link(first))
    await expect(luc.page.get_by_role("alert")).to_contain_text("déjà servi")
    await luc.go(link(second))
    await expect(luc.page.get_by_role("main")).to_contain_text("Roy et fils vous invite")
    await luc.page.fill("#password", PASSWORD)
    await luc.press("Définir le mot de passe")
    await luc.sign_in(invited)
    await expect(luc.page.locator(".where")).to_contain_text("Roy et fils")
    assert (person.said, luc.said) == ([], [])
