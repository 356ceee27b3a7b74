"""The main job clicked through, with JavaScript and without it."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from deploy.local.peers.filedrop import Filedrop
from tests.browser.conftest import Screen, screen
from tests.platform import Platform
from tests.services import eventually


@pytest.mark.parametrize("javascript", [True, False], ids=["with-javascript", "without-javascript"])
async def test_the_main_job(
    running: Platform, chromium: Browser, drop: Filedrop, tmp_path: Path, javascript: bool
) -> None:
    firm_email, user_email = await people(running)
    admin = await screen(chromium, running, javascript=javascript)
    await switch_on(admin, firm_email)
    user = await screen(chromium, running, javascript=javascript)
    await user.sign_in(user_email)
    await expect(user.page.get_by_role("link", name="Factures")).to_be_visible()
    async with running.worker("sftp"):
        await new_customer(user, drop)
        await new_product(user)
        await write_and_issue(user)
        await see_the_proof(user, javascript)
    assert len(list((tmp_path / "drop").rglob("*.xml"))) == 1
    assert (admin.said, user.said) == ([], [])


async def people(running: Platform) -> tuple[str, str]:
    """A firm's owner, and a user of a company that has subscribed but has no invoicing yet."""
    firm = await running.firm()
    company = await running.company(firm)
    user_email = await running.user(firm, company)
    await running.user(firm, company, "Assistant")
    await running.subscribe(company, "invoicing")
    users = (await firm.at("identity").get(f"/v1/companies/{firm.company_id}/users")).json()

    async def heard_of() -> bool:
        found = (await firm.at("portal").get(f"/api/v1/companies/{company}/portal")).json()
        return found.get("users") == 2 and len(found["profiles"]) == 3 and bool(found["subscribed"])

    await eventually(heard_of)
    return users[0]["email"], user_email


async def switch_on(admin: Screen, email: str) -> None:
    """Entreprises → Actions multiples → Portail de service → Administrer → Éditer → confirm."""
    page = admin.page
    await admin.sign_in(email)
    await page.get_by_label("Choisir Brasserie du Parc").check()
    await page.get_by_text("Actions multiples").click()
    await admin.press("Administrer le portail d’entreprise")
    await admin.follow("Éditer Brasserie du Parc")
    switch = page.get_by_role("switch", name="Facturation")
    await expect(switch).not_to_be_checked()
    await switch.check()
    await page.get_by_label("Gérant").check()
    await admin.press("Voir les utilisateurs concernés")
    gains = page.locator(".gains li")
    await expect(gains).to_have_count(1)
    await expect(gains).to_contain_text("Luc Petit")
    await expect(page.locator(".loses li")).to_have_count(0)
    await admin.press("Confirmer")
    await expect(page.get_by_role("status")).to_contain_text("Facturation enregistrée")


async def new_customer(user: Screen, drop: Filedrop) -> None:
    page = user.page
    await user.go("/customers/new")
    await page.fill("#name", "Comptoir Général")
    await page.select_option("[name='address.country']", "BE")
    await page.fill("#vat_number", "BE0123456749")
    await page.fill("#registration_number", "0123456749")
    await page.fill("[name='address.line1']", "Meir 2")
    await page.fill("[name='address.postcode']", "2000")
    await page.fill("[name='address.city']", "Antwerpen")
    await user.press("Enregistrer")
    await expect(page.get_by_role("alert")).to_contain_text("au moins un canal")
    await expect(page.locator("#name")).to_have_value("Comptoir Général")
    await page.locator("[name='sftp.on']").check()
    await page.fill("[name='sftp.host']", "127.0.0.1")
    await page.fill("[name='sftp.port']", str(drop.ports["sftp"]))
    await page.fill("[name='sftp.user']", "facteur")
    await page.fill("[name='sftp.password']", "facteur")
    await page.fill("[name='sftp.host_key']", drop.host_key)
    await user.press("Enregistrer")
    await expect(page.get_by_role("link", name="Comptoir Général", exact=True)).to_be_visible()


async def new_product(user: Screen) -> None:
    page = user.page
    await user.go("/products/new")
    await page.fill("#name", "Bière blonde")
    await page.fill("#number", "FUT-20")
    await page.fill("#price", "50,x")
    await user.press("Enregistrer")
    await expect(page.locator("#wrong-price")).to_be_visible()
    await page.fill("#price", "50,00")
    await user.press("Enregistrer")
    await expect(page.get_by_role("link", name="Bière blonde", exact=True)).to_be_visible()


async def write_and_issue(user: Screen) -> None:
    page = user.page
    await user.go("/invoices/new")
    await page.select_option("#customer_id", label="Comptoir Général")
    await page.fill("#due_date", "2027-01-31")
    await page.fill("#buyer_reference", "PO 7")
    await page.select_option("#product_id", label="Bière blonde · FUT-20")
    await page.get_by_role("button", name="Ajouter le produit").click()
    await expect(page.locator("[name='line_name']")).to_have_value("Bière blonde")
    await expect(page.locator("[name='line_price']")).to_have_value("50,00")
    await page.select_option("[name='line_vat']", "E:0")
    await page.get_by_role("button", name="Ajouter une ligne").click()
    await expect(page.locator("[name='line_name']")).to_have_count(2)
    await page.get_by_role("button", name="Retirer la ligne 2").click()
    await expect(page.locator("[name='line_name']")).to_have_count(1)
    await user.press("Émettre")
    await expect(page.locator(".findings")).to_contain_text("BR-E-10")
    await expect(page.locator("[name='line_name']")).to_have_value("Bière blonde")
    await page.select_option("[name='line_vat']", "S:21")
    await page.get_by_role("button", name="Recalculer").click()
    await expect(page.locator("#sums")).to_contain_text("60,50")
    await user.press("Émettre")
    await expect(page.get_by_role("heading", name="F-000001")).to_be_visible()


async def see_the_proof(user: Screen, javascript: bool) -> None:
    """With JavaScript the timeline changes by itself; without, there is a link that refreshes."""
    page = user.page
    delivered = page.locator(".delivery-list .state.good")
    if javascript:
        marked = await page.evaluate("window.neverReloaded = true")
        await expect(delivered).to_have_count(1, timeout=30_000)
        assert marked == await page.evaluate("window.neverReloaded")
    else:

        async def refreshed() -> bool:
            await user.follow("Actualiser")
            return await delivered.count() == 1

        await eventually(refreshed, 30, 0.3)
    await expect(page.locator(".timeline")).to_contain_text("Livrée, preuve reçue")
