"""The forms that matter, in Safari's engine: sign in, settings, facturation, user, customer,
invoice, and a second document made from the first (what once stopped working in one browser)."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.local.broker import Broker
from tests.browser import webkit
from tests.browser.test_story import people
from tests.browser.webkit import Window
from tests.conftest import DatabaseFactory
from tests.need import need
from tests.platform import PASSWORD, Platform, platform

SHOTS = os.environ.get("FACTEUR_SHOTS")


@pytest.fixture
async def running(
    new_database: DatabaseFactory, kafka_broker: Broker, tmp_path: Path
) -> AsyncIterator[Platform]:
    need(webkit.obstacle() is None, webkit.obstacle() or "")
    async with platform(new_database, kafka_broker, tmp_path) as found:
        yield found


async def test_the_forms_that_matter_work_in_webkit(running: Platform) -> None:
    firm_email, user_email = await people(running)
    base = running.urls["portal"].rstrip("/")
    await asyncio.to_thread(in_a_window, base, lambda w: administers(w, firm_email))
    await asyncio.to_thread(in_a_window, base, lambda w: invoices(w, user_email))


def in_a_window(base: str, story) -> None:  # type: ignore[no-untyped-def]
    with webkit.started() as driver:
        window = Window(driver, base)
        try:
            story(window)
        finally:
            if SHOTS:
                driver.save_screenshot(f"{SHOTS}/webkit-{story.__code__.co_names[0]}.png")


def signs_in(window: Window, email: str, password: str = PASSWORD) -> None:
    window.go("/sign-in?lang=fr")
    window.fill(email=email, password=password)
    window.press("Se connecter")


def administers(window: Window, email: str) -> None:
    """A wrong password is told; then facturation is switched on, and oneself is changed."""
    signs_in(window, email, "not the password")
    window.says("[role=alert]", "mot de passe")
    assert window.one("[name=email]").get_attribute("value") == email
    signs_in(window, email)
    window.one("input[aria-label='Choisir Brasserie du Parc']").click()
    window.driver.find_element("xpath", '//*[normalize-space()="Actions multiples"]').click()
    window.press("Administrer le portail d’entreprise")
    window.follow("Éditer Brasserie du Parc")
    assert not window.one("[name=enabled]").is_selected()
    window.check("enabled")
    window.driver.find_element("xpath", '//label[normalize-space()="Gérant"]').click()
    window.press("Voir les utilisateurs concernés")
    window.says(".gains", "Luc Petit")
    window.press("Confirmer")
    window.says("[role=status]", "Facturation enregistrée")
    window.go("/me")
    window.follow("Modifier")
    window.fill(first_name="Odette")
    window.press("Enregistrer")
    window.says("[role=status]", "Enregistré")
    window.says(".facts", "Odette")
    window.go("/companies")
    company = window.one("[name=company]").get_attribute("value")
    window.go(f"/companies/{company}/users/new")
    window.fill(email="ana@brasserie.example", first_name="Ana", last_name="Roy")
    window.press("Créer un utilisateur")
    window.says("main", "Ana Roy")


def invoices(window: Window, email: str) -> None:
    """A customer, a refused invoice that stays written, the invoice, and a credit note from it."""
    signs_in(window, email)
    window.go("/customers/new")
    window.fill(name="Comptoir Général", vat_number="BE0123456749",
                registration_number="0123456749", address__line1="Meir 2",
                address__postcode="2000", address__city="Antwerpen")  # fmt: skip
    window.choose("address.country", "Belgique")
    window.press("Enregistrer")
    window.says("[role=alert]", "au moins un canal")
    window.check("email.on")
    window.fill(email__to="achats@comptoir.example")
    window.press("Enregistrer")
    window.says("main", "Comptoir Général")
    window.go("/invoices/new")
    window.choose("customer_id", "Comptoir Général")
    window.fill(buyer_reference="PO 7", line_name="Bière blonde", line_price="50,00")
    window.driver.execute_script(
        "document.querySelector('[name=due_date]').value = '2027-01-31'"
    )  # the date field's own picker is the browser's, not ours
    window.press("Émettre")
    window.says("h1", "F-000001")
    window.press("Créer une note de crédit")
    assert window.one("[name=preceding_number]").get_attribute("value") == "F-000001"
    window.press("Émettre")
    window.says("h1", "NC-000001")
