"""Users of a company through the pages, without JavaScript: create, change, remove; accountants; profiles."""

from pathlib import Path
from uuid import uuid4

import httpx
from playwright.async_api import Browser, expect

from tests.browser.conftest import Screen, screen
from tests.platform import PASSWORD, SELLER, Platform


async def owner_at_users(
    running: Platform, chromium: Browser, *, javascript: bool = False, width: int = 1280
) -> tuple[Screen, str]:
    """A company's owner on the page *Utilisateurs*; the screen and that page's path."""
    owner = await running.register(SELLER)
    person = await screen(chromium, running, javascript=javascript, width=width)
    await person.sign_in(owner.email)
    await person.page.locator(".menu summary").first.click() if javascript else None
    path = f"/companies/{owner.company_id}/users"
    await person.go(path)
    return person, path


async def create(person: Screen, path: str, email: str, role: str = "employee") -> str:
    """Create a user through the form; returns the link of the invitation."""
    page = person.page
    await person.go(f"{path}/new")
    await page.fill("#email", email)
    await page.fill("#first_name", "Luc")
    await page.fill("#last_name", "Petit")
    await page.select_option("#role", role)
    await person.press("Créer un utilisateur")
    return await page.locator("code.secret").inner_text()


async def accept(link: str) -> int:
    """Follow an invitation and choose a password; the status of the answer."""
    origin = link.split("/invitation/", maxsplit=1)[0]
    async with httpx.AsyncClient(headers={"Origin": origin}, timeout=20) as client:
        return (await client.post(link, data={"password": PASSWORD})).status_code


async def test_users_are_created_changed_and_removed(running: Platform, chromium: Browser) -> None:
    """D1, D3, D4, D5, D10: the whole life of a user, by the page."""
    person, path = await owner_at_users(running, chromium)
    page, email = person.page, f"{uuid4().hex}@example.org"
    own = page.locator("tr", has_text="Odile Martin")
    await expect(own.get_by_role("link", name="Paramètres personnels")).to_be_visible()
    await expect(own.get_by_role("link", name="Modifier")).to_have_count(0)
    await person.go(f"{path}/new")
    await expect(page.get_by_role("switch", name="Clients")).to_be_disabled()
    await expect(page.get_by_role("switch", name="Produits")).to_be_checked()
    link = await create(person, path, email)
    link = link.replace("http://127.0.0.1:8000", person.base.rstrip("/"))
    row = page.locator("tr", has_text=email)
    await expect(row).to_contain_text("Invitation en attente")
    await person.go(f"{path}/new")
    await page.fill("#email", email.upper())
    await page.fill("#first_name", "L")
    await page.fill("#last_name", "P")
    await person.press("Créer un utilisateur")
    await expect(page.get_by_role("alert").first).to_contain_text("déjà un utilisateur")
    await expect(page.locator("#first_name")).to_have_value("L")
    assert await accept(link) == 303
    assert await accept(link) == 410
    await person.go(path)
    await expect(row).not_to_contain_text("Invitation")
    await row.get_by_role("link", name="Modifier").click()
    await page.get_by_role("switch", name="Statistiques").uncheck()
    await page.get_by_label("Gestion des documents").check()
    await page.select_option("#profile_id", label="Assistant")
    await person.press("Enregistrer")
    await expect(page.get_by_role("status")).to_contain_text("L’utilisateur est modifié")
    await expect(row).to_contain_text("Assistant")
    await row.get_by_role("link", name="Modifier").click()
    await expect(page.get_by_role("switch", name="Statistiques")).not_to_be_checked()
    await expect(page.get_by_label("Gestion des documents")).to_be_checked()
    await person.go(path)
    await person.press("Retirer l’accès Luc Petit")
    await expect(page.get_by_role("status")).to_contain_text("L’accès est retiré")
    former = page.locator("form", has_text=email)
    await former.get_by_label("Je confirme").check()
    await person.press("Effacer les données Luc Petit")
    await expect(page.get_by_text(email)).to_have_count(0)


async def test_an_accountant_is_added_by_email_and_works_in_the_file(
    running: Platform, chromium: Browser
) -> None:
    """D6 and D12: unknown → a clear error, nothing created; found → listed below; cut when removed."""
    firm = await running.firm()
    person, _ = await owner_at_users(running, chromium)
    page = person.page
    await page.fill("#email", "personne@example.org")
    await person.press("Ajouter un utilisateur externe")
    await expect(page.get_by_role("alert").first).to_contain_text("Aucun compte de comptable")
    await expect(page.get_by_text("Aucun utilisateur externe")).to_be_visible()
    await page.fill("#email", firm.email)
    await person.press("Ajouter un utilisateur externe")
    await expect(page.locator("tr", has_text=firm.email)).to_contain_text("Comptable")
    accountant = await screen(chromium, running, javascript=False)
    await accountant.sign_in(firm.email)
    await expect(accountant.page.locator("button.choice")).to_have_count(2)
    await accountant.page.get_by_role("button", name=str(SELLER["name"])).click()
    await expect(accountant.page.locator(".where")).to_contain_text(str(SELLER["name"]))
    await page.locator("tr", has_text=firm.email).get_by_role("button").click()
    await expect(page.get_by_text("Aucun utilisateur externe")).to_be_visible()
    await accountant.go("/welcome")
    await expect(accountant.page.locator("button.choice")).to_have_count(1)


async def test_profiles_are_made_and_applied(running: Platform, chromium: Browser) -> None:
    """D11."""
    person, path = await owner_at_users(running, chromium)
    page, profiles = person.page, path.replace("/users", "/profiles")
    await create(person, path, f"{uuid4().hex}@example.org")
    await person.go(f"{profiles}/new")
    await page.fill("#name", "assistant")
    await person.press("Enregistrer")
    await expect(page.get_by_role("alert").first).to_contain_text("porte déjà ce nom")
    await page.fill("#name", "Magasinier")
    await page.get_by_label("Gestion des documents").check()
    await person.press("Enregistrer")
    await expect(page.locator("tr", has_text="Magasinier")).to_contain_text("Gestion des documents")
    await person.go(path)
    await page.locator("tr", has_text="Luc Petit").get_by_role("link", name="Modifier").click()
    await page.select_option("#profile_id", label="Magasinier")
    await person.press("Enregistrer")
    await person.go(profiles)
    await page.locator("tr", has_text="Magasinier").get_by_role("link", name="Modifier").click()
    await person.press("Supprimer le profil")
    await expect(page.get_by_role("alert").first).to_contain_text("Des utilisateurs ont ce profil")


async def test_the_pages_of_users_have_no_flaw(
    running: Platform, chromium: Browser, tmp_path: Path
) -> None:
    person, path = await owner_at_users(running, chromium, javascript=True, width=360)
    flaws = {}
    await create(person, path, f"{uuid4().hex}@example.org")
    flaws["invited"] = await person.flaws()
    user = await person.page.get_by_role("link", name="Modifier").first.get_attribute("href")
    profiles = path.replace("/users", "/profiles")
    for address in (
        path,
        f"{path}/new",
        user,
        profiles,
        f"{profiles}/new",
        "/me",
        "/me/security",
    ):
        await person.go(str(address))
        flaws[str(address)] = await person.flaws()
        name = f"{len(flaws)}.png"
        await person.page.screenshot(path=tmp_path / name, full_page=True)
    assert {where: found for where, found in flaws.items() if found} == {}
    assert person.said == []
