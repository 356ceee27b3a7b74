"""What people do besides the main job, with the keyboard alone: an account, its company's settings, the
second factor, several companies, the journal, every way to receive, an invoice issued, many companies."""

from playwright.async_api import Browser, Page, expect

from deploy.local.broker import Broker
from tests.browser.alone import portal, seated
from tests.browser.conftest import Screen, screen
from tests.browser.test_keyboard import enter, reach, signs_in, write
from tests.browser.test_people_sign_in import code
from tests.conftest import DatabaseFactory
from tests.integration.portal.firm import new_firm
from tests.platform import PASSWORD, Platform

SEND = "main form .btn-primary"
FIRST, SECOND = "Roy et fils", "Roy et filles"


async def through_the_menu(page: Page, choice: str) -> None:
    await reach(page, ".menu summary")
    await page.keyboard.press("Enter")
    await enter(page, f".menu-body {choice}")


async def tick(page: Page, selector: str) -> None:
    await reach(page, selector)
    await page.keyboard.press("Space")


async def test_an_account_and_its_company_need_no_pointer(
    running: Platform, chromium: Browser
) -> None:
    person = await screen(chromium, running)
    page, email = person.page, "ana@roy.example"
    await person.go("/sign-in")
    await enter(page, "a[href='/sign-up']")
    for name, value in (
        ("first_name", "Ana"),
        ("last_name", "Roy"),
        ("email", email),
        ("name", FIRST),
    ):
        await write(page, f"#{name}", value)
    await enter(page, SEND)
    await write(page, "#password", PASSWORD)
    await enter(page, SEND)
    await person.go("/sign-in")
    await signs_in(page, email)
    await expect(page.locator(".where")).to_contain_text(FIRST)
    await a_menu_opens_and_closes(page)
    await oneself(page)
    await settings_of_the_company(page)
    await another_company(page)
    await the_journal(page)
    await the_second_factor(person, email)
    assert person.said == []


async def a_menu_opens_and_closes(page: Page) -> None:
    """By Enter and Space, by Escape, and by going on; the focus comes back to where it was opened."""
    menu = page.locator("header details.menu")
    await reach(page, ".menu summary")
    for opens in ("Enter", "Space"):
        await page.keyboard.press(opens)
        await expect(menu).to_have_attribute("open", "")
        await page.keyboard.press("Tab")
        await expect(page.locator(".menu-body a").first).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(menu).not_to_have_attribute("open", "")
        await expect(menu.locator("summary")).to_be_focused()
    await page.keyboard.press("Enter")
    await reach(page, "nav.tabs a")
    await expect(menu).not_to_have_attribute("open", "")


async def oneself(page: Page) -> None:
    await through_the_menu(page, "a[href='/me']")
    await enter(page, "a[href='/me?edit=true']")
    await write(page, "#first_name", "Anna")
    await enter(page, SEND)
    await expect(page.locator("header summary")).to_contain_text("Anna Roy")


async def settings_of_the_company(page: Page) -> None:
    """Somebody is invited, a profile made, both switches of *GDPR* turned."""
    await through_the_menu(page, "a[href$='/users']")
    await enter(page, "main a[href$='/users/new']")
    for name, value in (
        ("email", "luc@roy.example"),
        ("first_name", "Luc"),
        ("last_name", "Petit"),
    ):
        await write(page, f"#{name}", value)
    await enter(page, SEND)
    await expect(page.locator("code.secret")).to_be_visible()
    await enter(page, ".subtabs a[href$='/profiles']")
    await enter(page, "main a[href$='/profiles/new']")
    await write(page, "#name", "Magasinier")
    await tick(page, "[name=rights][value=document_management]")
    await enter(page, SEND)
    await expect(page.locator("tr", has_text="Magasinier")).to_contain_text("Gestion des documents")
    await enter(page, ".subtabs a[href$='/privacy']")
    await tick(page, "[name=support_access]")
    await enter(page, SEND)
    await expect(page.locator("[name=support_access]")).to_be_checked()


async def another_company(page: Page) -> None:
    """Founded, chosen, and left for the first one."""
    await through_the_menu(page, "a[href^='/working-company']")
    await enter(page, "main a[href='/working-company/new']")
    await write(page, "#name", SECOND)
    await enter(page, SEND)
    await expect(page.locator(".where")).to_contain_text(SECOND)
    await through_the_menu(page, "a[href^='/working-company']")
    await reach(page, "button.choice")
    while FIRST not in await page.locator(":focus").inner_text():
        await reach(page, "button.choice")
    async with page.expect_navigation():
        await page.keyboard.press("Enter")
    await expect(page.locator(".where")).to_contain_text(FIRST)


async def the_journal(page: Page) -> None:
    """Filtered, and exported as it is filtered."""
    await enter(page, "nav.tabs a[href='/audit']")
    await reach(page, "#action")
    await page.keyboard.type("Param")
    await enter(page, "form[role=search] button")
    await expect(page.locator("tbody tr")).to_have_count(1)
    await expect(page.locator("tbody tr")).to_contain_text(
        "accès du personnel d’assistance (non → oui)"
    )
    await reach(page, "a[href^='/audit/export.csv']")
    async with page.expect_download() as download:
        await page.keyboard.press("Enter")
    text = (await (await download.value).path()).read_text("utf-8-sig")
    assert text.count("Paramètres GDPR modifiés") == len(text.strip().splitlines()) - 1 == 1


async def the_second_factor(person: Screen, email: str) -> None:
    """Set up, and asked for at the next sign-in."""
    page = person.page
    await through_the_menu(page, "a[href='/me']")
    await enter(page, "main a[href='/me/security']")
    await write(page, "#app_password", PASSWORD)
    await enter(page, "form[action$='/authenticator'] button")
    secret = await page.locator("code.secret").inner_text()
    await write(page, "#code", code(secret, -1))
    await enter(page, SEND)
    await expect(page.locator(".codes code")).to_have_count(10)
    await enter(page, "main a.btn-primary")
    await through_the_menu(page, "form button")
    await person.go("/sign-in")
    await signs_in(page, email)
    await write(page, "#code", code(secret))
    await enter(page, SEND)
    await reach(page, "button.choice")


WAYS: dict[str, dict[str, str]] = {
    "email": {"to": "a@comptoir.example"},
    "sftp": {
        "host": "files.example", "port": "22", "user": "facteur", "password": "secret",
        "host_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGm0zXfW1tqjFGvZ0yMZ0pDvTnBM4hG6mTk1Jq7WqP5j",
    },
    "peppol": {"participant": "0208:0123456749"},
}  # fmt: skip


async def test_an_invoice_and_all_ways_to_receive_it_need_no_pointer(
    running: Platform, chromium: Browser
) -> None:
    biller = await running.biller()
    user = await screen(chromium, running)
    page = user.page
    await user.go("/sign-in")
    await signs_in(page, biller.email)
    await enter(page, "nav.tabs a[href='/customers']")
    await enter(page, "main a[href='/customers/new']")
    for name, value in (
        ("name", "Comptoir"), ("registration_number", "0123456749"), ("vat_number", "BE0123456749"),
        ("address.line1", "Meir 2"), ("address.postcode", "2000"), ("address.city", "Antwerpen"),
    ):  # fmt: skip
        await write(page, f"[name='{name}']", value)
    await reach(page, "[name='address.country']")
    await page.keyboard.type("Belg")
    for channel in await page.locator("fieldset.way input[type=checkbox]").evaluate_all(
        "all => all.map(e => e.name.replace('.on', ''))"
    ):
        if channel in WAYS:
            await tick(page, f"[name='{channel}.on']")
            for name, value in WAYS[channel].items():
                await write(page, f"[name='{channel}.{name}']", value)
    await enter(page, SEND)
    await enter(page, "main a[href^='/customers/']:not([href$='/new'])")
    for channel, settings in WAYS.items():
        await expect(page.locator(f"[name='{channel}.on']")).to_be_checked()
        (first, value), *_ = settings.items()
        await expect(page.locator(f"[name='{channel}.{first}']")).to_have_value(value)
    await enter(page, "nav.tabs a[href='/invoices']")
    await enter(page, "main a[href^='/invoices/new']")
    await reach(page, "#customer_id")
    await page.keyboard.type("Compt")
    await write(page, "#buyer_reference", "PO 7")
    await write(page, "[name=line_name]", "Bière")
    await write(page, "[name=line_price]", "50")
    await enter(page, "main form button[value=issue]")
    await expect(page.get_by_role("status")).to_contain_text("Émise")
    await expect(page.locator(".delivery-list li")).to_have_count(3)
    await enter(page, "form[action$='/cancel'] button")
    await expect(page.get_by_role("status")).to_contain_text("annulée")
    assert user.said == []


async def test_many_companies_are_deployed_to_without_a_pointer(
    new_database: DatabaseFactory, kafka_broker: Broker, chromium: Browser
) -> None:
    async with portal(await new_database("portal"), kafka_broker) as alone:
        firm = await new_firm(alone.db, 6, {3: ("vat_number",)})
        admin = await seated(chromium, alone.base, firm.token)
        page = admin.page
        await admin.go("/companies")
        await write(page, "#q", "company")
        await enter(page, "form[role=search] button")
        for _ in range(3):
            await tick(page, "input[name=company]")
        await expect(page.locator("input[name=company]:checked")).to_have_count(3)
        await reach(page, "main details.menu > summary")
        await page.keyboard.press("Enter")
        await enter(page, "main details.menu button")
        await enter(page, "main a[href^='/companies/portal/edit']")
        await reach(page, "[name=profile]")
        while "Gérant" not in await page.locator(":focus").evaluate("e => e.labels[0].innerText"):
            await reach(page, "[name=profile]")
        await page.keyboard.press("Space")
        await enter(page, SEND)
        await enter(page, SEND)
        await expect(page.get_by_text("Terminé.")).to_be_visible()
        await expect(page.get_by_text("3 entreprises sur 3 traitées.")).to_be_visible()
        await page.context.close()  # its stream ends; the server waits for that
    assert admin.said == []
