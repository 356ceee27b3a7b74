"""Mass deployment clicked through: with JavaScript and without, on a desktop and on a phone."""

import pytest
from playwright.async_api import Browser, expect

from deploy.local.broker import Broker
from tests.browser.alone import picture, portal, seated
from tests.conftest import DatabaseFactory
from tests.integration.portal.firm import new_firm

MISSING = {3: ("vat_number",), 40: ("address.city", "legal_form")}


@pytest.mark.parametrize(
    ("javascript", "width"), [(True, 1280), (False, 1280), (True, 360)],
    ids=["with-javascript", "without-javascript", "phone"],
)  # fmt: skip
async def test_from_the_list_to_a_result_for_each_company(
    new_database: DatabaseFactory, kafka_broker: Broker, chromium: Browser, javascript: bool, width: int
) -> None:  # fmt: skip
    name = f"deploy-{'js' if javascript else 'nojs'}-{width}"
    async with portal(await new_database("portal"), kafka_broker) as alone:
        firm = await new_firm(alone.db, 60, MISSING)
        admin = await seated(chromium, alone.base, firm.token, javascript=javascript, width=width)
        page, flaws = admin.page, {}

        async def look(step: str) -> None:
            await picture(admin, f"{name}-{step}")
            if javascript:
                flaws[step] = await admin.flaws()

        await admin.go("/companies?size=25")
        await page.fill("#q", "company")
        await page.select_option("#state", "off")
        await admin.press("Rechercher")
        await expect(page.get_by_text("60 entreprises trouvées", exact=True)).to_be_visible()
        await page.get_by_label("Choisir les 60 entreprises trouvées").check()
        await page.get_by_text("Actions multiples").click()
        await look("1-list")
        await admin.press("Administrer le portail d’entreprise")
        await look("2-portal")
        await admin.follow("Éditer la sélection (60)")
        await page.get_by_label("Gérant").check()
        await look("3-edit")
        await admin.press("Voir les utilisateurs concernés")
        await look("4-warning")
        await admin.follow("Refusée (2)")
        await expect(page.locator("tbody tr")).to_have_count(2)
        await look("5-refused")
        if javascript:
            await page.evaluate("window.neverReloaded = true")
        await admin.press("Confirmer pour 58 entreprises")
        if javascript:
            await page.evaluate("window.neverReloaded = true")
        await expect(page.get_by_text("Terminé.")).to_be_visible()
        if javascript:
            assert await page.evaluate("window.neverReloaded")
        await expect(page.get_by_text("60 entreprises sur 60 traitées.")).to_be_visible()
        await look("6-progress")
        await admin.follow("Voir les refusées")
        await expect(page.locator("tbody tr")).to_have_count(2)
        await expect(page.locator("tbody tr").nth(1)).to_contain_text("Forme juridique")
        await look("7-result")
        async with alone.db.system_transaction() as conn:
            await firm.state(conn, "Company 0003", (), version=2)
        await admin.press("Réessayer pour les refusées")
        await admin.press("Confirmer pour 1 entreprise")
        await expect(page.get_by_text("Terminé.")).to_be_visible()
        await admin.go("/companies/portal/deployments")
        await expect(page.locator("tbody tr")).to_have_count(2)
        await look("8-deployments")
    assert {step: found for step, found in flaws.items() if found} == {}
    assert admin.said == []
