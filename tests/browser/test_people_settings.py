"""Settings of the company beyond its users: GDPR and support, API keys, subscription, apps; several companies."""

from pathlib import Path

import httpx
from playwright.async_api import Browser, expect

from tests.browser.conftest import Screen, screen
from tests.flow.test_people_access import make_support
from tests.platform import PASSWORD, SELLER, Platform
from tests.services import eventually


async def signed_in(running: Platform, chromium: Browser, email: str) -> Screen:
    person = await screen(chromium, running, javascript=False)
    await person.sign_in(email)
    return person


async def test_the_owner_lets_support_in_and_sees_it(running: Platform, chromium: Browser) -> None:
    """D7 and D9 by the pages: the switch, support's way in, the banner on both sides, the way out."""
    owner, colleague = await running.register(SELLER), await running.firm()
    await make_support(running, colleague.email)
    person = await signed_in(running, chromium, owner.email)
    page, path = person.page, f"/companies/{owner.company_id}/privacy"
    await person.go(path)
    await expect(page.get_by_role("navigation").get_by_role("link").last).not_to_be_empty()
    tabs = page.locator(".subtabs a")
    await expect(tabs.last).to_have_text("GDPR")
    await expect(page.get_by_label("Autoriser le personnel")).not_to_be_checked()
    await expect(page.locator("tr", has_text=owner.email)).to_contain_text("Non activée")
    support = await signed_in(running, chromium, colleague.email)
    await support.go("/me")
    await support.follow("Ouvrir un dossier")
    await expect(support.page.get_by_text("Aucun dossier ouvert")).to_be_visible()
    await page.get_by_label("Autoriser le personnel").check()
    await person.press("Enregistrer")
    await expect(page.get_by_label("Autoriser le personnel")).to_be_checked()
    await support.go("/support?q=brasserie")
    async with support.page.expect_navigation():
        await support.page.get_by_role("button", name="Brasserie du Parc").click()
    await expect(support.page.locator(".banner")).to_contain_text("comme personnel d’assistance")
    await person.go(path)
    await expect(page.locator(".banner")).to_contain_text("Odile Martin")
    await expect(page.locator("tr", has_text=colleague.email)).to_contain_text("Assistance")
    await support.press("Quitter le dossier")
    await expect(support.page.locator(".banner")).to_have_count(0)

    async def gone() -> bool:
        await person.go(path)
        return await page.locator(".banner").count() == 0

    await eventually(gone, 5)
    assert (person.said, support.said) == ([], [])


async def test_an_api_key_is_shown_once_and_revoked(running: Platform, chromium: Browser) -> None:
    """D14: by the page; what is shown works, until it is revoked."""
    owner = await running.register(SELLER)
    person = await signed_in(running, chromium, owner.email)
    page, path = person.page, f"/companies/{owner.company_id}/api-keys"
    await person.go(path)
    await page.get_by_label("Lire").uncheck()
    await page.fill("#key_name", "ERP")
    await page.fill("#password", PASSWORD)
    await person.press("Créer la clé")
    await expect(page.locator(".wrong")).to_be_visible()
    await expect(page.locator("#key_name")).to_have_value("ERP")
    await page.get_by_label("Lire").check()
    await page.fill("#password", PASSWORD)
    await person.press("Créer la clé")
    secret = await page.locator("code.secret").inner_text()
    headers = {"Authorization": f"ApiKey {secret}"}
    async with httpx.AsyncClient(base_url=running.urls["identity"], headers=headers) as client:
        assert (await client.post("/v1/api-keys/token")).status_code == 200
        await person.go(path)
        assert secret not in await page.content()
        await person.press("Révoquer ERP")
        await expect(page.locator("tr", has_text="ERP")).to_contain_text("Révoquée")
        assert (await client.post("/v1/api-keys/token")).status_code == 401


async def test_users_over_the_plan_are_bought(running: Platform, chromium: Browser) -> None:
    """D13: full → 402 with where to buy; bought → it goes on; the same order twice buys once."""
    owner = await running.register(SELLER)
    person = await signed_in(running, chromium, owner.email)
    page, base = person.page, f"/companies/{owner.company_id}"
    await person.go(f"{base}/subscription")
    await expect(page.get_by_text("contactez votre commercial")).to_be_visible()
    await running.subscribe(owner.company_id, seats=1)

    async def full() -> bool:
        await person.go(f"{base}/users")
        return "1 utilisateur sur 1" in await page.content()

    await eventually(full, 10)
    await fill_user(person, f"{base}/users/new")
    await expect(page.get_by_role("alert").first).to_contain_text("Abonnement")
    await expect(page.locator("#first_name")).to_have_value("Luc")
    await person.go(f"{base}/subscription")
    await page.fill("#more", "0")
    await person.press("Ajouter à l’abonnement")
    await expect(page.locator(".wrong")).to_be_visible()
    await page.fill("#more", "2")
    await person.press("Ajouter à l’abonnement")
    await expect(page.get_by_text("1 utilisateur sur 3")).to_be_visible()
    await page.locator("input[name=version]").evaluate("e => e.value = '1'")
    await person.press("Ajouter à l’abonnement")
    await expect(page.get_by_role("alert").first).to_contain_text("Rien n’a été ajouté")
    await expect(page.get_by_text("1 utilisateur sur 3")).to_be_visible()

    async def created() -> bool:
        await fill_user(person, f"{base}/users/new")
        return await page.locator("code.secret").count() == 1

    await eventually(created, 10)


async def fill_user(person: Screen, path: str) -> None:
    await person.go(path)
    await person.page.fill("#email", "luc@example.org")
    await person.page.fill("#first_name", "Luc")
    await person.page.fill("#last_name", "Petit")
    await person.press("Créer un utilisateur")


async def test_several_companies_one_email(running: Platform, chromium: Browser) -> None:
    """D12: the chooser lists exactly one's own; a tab left on the old company can't write."""
    one, two = await running.register(SELLER), await running.register({**SELLER, "name": "Autre"})
    third = await running.register({**SELLER, "name": "Étrangère"})
    body = {"email": one.email, "first_name": "O", "last_name": "M", "role": "owner"}
    users = f"/v1/companies/{two.company_id}/users"
    assert (await two.at("identity").post(users, json=body)).status_code == 201
    person = await signed_in(running, chromium, one.email)
    page = person.page
    assert await page.locator("button.choice strong").all_inner_texts() == ["Brasserie du Parc"]
    assert await person.flaws() == []
    await person.press("Accepter Autre")
    await expect(page.get_by_role("status")).to_contain_text("L’invitation est acceptée")
    names = await page.locator("button.choice strong").all_inner_texts()
    assert sorted(names) == ["Autre", "Brasserie du Parc"]
    async with page.expect_navigation():
        await page.get_by_role("button", name="Brasserie du Parc").click()
    old_tab = await page.context.new_page()
    legal = f"{person.base}/companies/{one.company_id}/legal-information"
    await old_tab.goto(legal)
    await person.go("/working-company")
    async with page.expect_navigation():
        await page.get_by_role("button", name="Autre").click()
    await expect(page.locator(".where")).to_contain_text("Autre")
    await old_tab.fill("#name", "Détournée")
    async with old_tab.expect_navigation() as answer:
        await old_tab.get_by_role("button", name="Enregistrer").click()
    assert (await answer.value).status == 409
    await expect(old_tab.get_by_text("Rien n’a été enregistré")).to_be_visible()
    async with old_tab.expect_navigation():
        await old_tab.get_by_role("button", name="Revenir à l’entreprise de départ").click()
    await expect(old_tab.locator(".where")).to_contain_text("Brasserie du Parc")
    for company in (one, two, third):
        found = await company.at("identity").get(f"/v1/companies/{company.company_id}")
        assert found.json()["company"]["name"] != "Détournée"
    await person.go("/me")
    await page.get_by_label("Je confirme").check()
    await person.press("Quitter l’entreprise")
    await expect(page.get_by_role("alert")).to_contain_text("au moins un propriétaire")
    await person.go("/working-company")
    async with page.expect_navigation():
        await page.get_by_role("button", name="Autre").click()
    await person.go("/me")
    await page.get_by_label("Je confirme").check()
    await person.press("Quitter l’entreprise")
    await expect(page.get_by_role("status")).to_contain_text("Vous avez quitté")
    await person.follow("Créer une autre entreprise")
    assert await person.flaws() == []
    await page.fill("#name", "Troisième")
    await person.press("Créer l’entreprise")
    await expect(page.locator(".where")).to_contain_text("Troisième")
    stranger = {"company_id": str(third.company_id)}
    answer_ = await running_token(running, one.session, stranger)
    assert answer_ == 404


async def running_token(running: Platform, session: str, body: dict[str, str]) -> int:
    """The status of asking for a token of some company."""
    async with httpx.AsyncClient(base_url=running.urls["identity"]) as client:
        headers = {"Authorization": f"Session {session}"}
        path = "/v1/sessions/current/token"
        return (await client.post(path, json=body, headers=headers)).status_code


async def test_the_pages_of_settings_have_no_flaw(
    running: Platform, chromium: Browser, tmp_path: Path
) -> None:
    owner, colleague = await running.register(SELLER), await running.firm()
    await running.subscribe(owner.company_id, "invoicing")
    await make_support(running, colleague.email)
    switches = {"support_access": True, "require_two_factor": False}
    base = f"/companies/{owner.company_id}"
    assert (await owner.at("identity").put(f"/v1{base}/privacy", json=switches)).status_code == 200
    entered = await colleague.at("identity").post(f"/v1/support{base}")
    assert entered.status_code == 201
    person = await screen(chromium, running, width=360)
    await person.sign_in(owner.email)
    flaws = {}
    for name in ("apps", "api-keys", "subscription", "privacy", "legal-information"):
        await person.go(f"{base}/{name}")
        flaws[name] = await person.flaws()
        await person.page.screenshot(path=tmp_path / f"{name}.png", full_page=True)
    await person.go(f"{base}/api-keys")
    await person.page.fill("#key_name", "ERP")
    await person.page.fill("#password", PASSWORD)
    await person.press("Créer la clé")
    flaws["a new key"] = await person.flaws()
    support = await screen(chromium, running, width=360)
    await support.sign_in(colleague.email)
    async with support.page.expect_navigation():
        await support.page.get_by_role("button", name="Cabinet Martin").click()
    await support.go("/support")
    flaws["support"] = await support.flaws()
    assert {where: found for where, found in flaws.items() if found} == {}
    assert (person.said, support.said) == ([], [])
