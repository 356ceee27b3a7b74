"""The main forms with the keyboard alone: whatever is needed is reached by Tab, in sight when it is."""

from functools import partial

from playwright.async_api import Browser, Page, expect

from tests.browser.conftest import screen
from tests.browser.test_story import people
from tests.platform import PASSWORD, Platform
from tests.services import eventually

FAR = 90
"""More stops than any page has before its form."""
SEEN = """e => { const s = getComputedStyle(e), r = e.getBoundingClientRect();
    return (s.outlineStyle !== 'none' || s.boxShadow !== 'none') && r.bottom > 0 && r.top < innerHeight; }"""


async def reach(page: Page, selector: str) -> None:
    """By Tab, from where one is; the focus must be seen."""
    for _ in range(FAR):
        await page.keyboard.press("Tab")
        if await page.evaluate("s => document.activeElement.matches(s)", selector):
            # scrolling takes its time
            await eventually(partial(page.locator(":focus").evaluate, SEEN), 3)
            return
    raise AssertionError(f"Tab doesn't reach {selector} on {page.url}")


async def write(page: Page, selector: str, text: str) -> None:
    await reach(page, selector)
    await page.keyboard.press("Control+a")
    await page.keyboard.type(text)


async def enter(page: Page, selector: str) -> None:
    """Press what sends, and wait for the page that follows."""
    await reach(page, selector)
    async with page.expect_navigation():
        await page.keyboard.press("Enter")


async def signs_in(page: Page, email: str) -> None:
    await write(page, "#email", email)
    await write(page, "#password", PASSWORD)
    async with page.expect_navigation():
        await page.keyboard.press("Enter")


async def test_the_main_forms_need_no_pointer(running: Platform, chromium: Browser) -> None:
    firm_email, user_email = await people(running)
    admin = await screen(chromium, running)
    page = admin.page
    await admin.go("/sign-in")
    await signs_in(page, firm_email)
    await reach(page, "input[name=company]")
    await page.keyboard.press("Space")
    await reach(page, "main summary")
    await page.keyboard.press("Enter")
    await enter(page, "main details button")
    await enter(page, "main a[href^='/companies/portal/edit']")
    await reach(page, "[name=enabled]")
    await page.keyboard.press("Space")
    await reach(page, "[name=profile]")
    while await page.locator(":focus").evaluate("e => e.labels[0].innerText.trim()") != "Gérant":
        await reach(page, "[name=profile]")
    await page.keyboard.press("Space")
    await enter(page, "main form .btn-primary")
    await enter(page, "main form .btn-primary")
    await expect(page.get_by_role("status")).to_contain_text("Facturation enregistrée")
    await invoices(running, chromium, user_email)
    assert admin.said == []


async def invoices(running: Platform, chromium: Browser, email: str) -> None:
    """A customer, then an invoice for them."""
    user = await screen(chromium, running)
    page = user.page
    await user.go("/sign-in")
    await signs_in(page, email)
    await user.go("/customers/new")
    await write(page, "#name", "Comptoir")
    await write(page, "[name=registration_number]", "0123456749")
    await write(page, "[name=vat_number]", "BE0123456749")
    await write(page, "[name='address.line1']", "Meir 2")
    await write(page, "[name='address.postcode']", "2000")
    await write(page, "[name='address.city']", "Antwerpen")
    await reach(page, "[name='address.country']")
    await page.keyboard.type("Belg")
    await reach(page, "[name='email.on']")
    await page.keyboard.press("Space")
    await write(page, "[name='email.to']", "a@comptoir.example")
    await enter(page, "main form .btn-primary")
    await user.go("/invoices/new")
    await reach(page, "#customer_id")
    await page.keyboard.type("Compt")
    await write(page, "#buyer_reference", "PO 7")
    await write(page, "[name=line_name]", "Bière")
    await write(page, "[name=line_price]", "50")
    await reach(page, "#add-line")
    await page.keyboard.press("Enter")
    await expect(page.locator("[name=line_name]")).to_have_count(2)
    await expect(page.locator("#add-line")).to_be_focused()  # one goes on from where one was
    await enter(page, "main form button[value=save]")
    await expect(page.locator("[name=line_name]")).to_have_value("Bière")
    assert user.said == []
