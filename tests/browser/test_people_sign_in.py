"""Signing in, in two steps; personal settings and security, with JavaScript and without it."""

import re
import time

import pyotp
import pytest
from playwright.async_api import Browser, expect

from tests.browser.conftest import Screen, screen
from tests.platform import PASSWORD, Person, Platform


def code(secret: str, steps_ahead: int = 0) -> str:
    """What the authenticator app shows."""
    return pyotp.TOTP(secret).at(int(time.time()) + 30 * steps_ahead)


async def set_up_app(person: Screen) -> tuple[str, list[str]]:
    """Enrol an authenticator app through the page; its secret, and the recovery codes."""
    page = person.page
    await person.go("/me/security")
    await person.page.fill("#app_password", PASSWORD)
    await person.press("Configurer l’application")
    secret = await page.locator("code.secret").inner_text()
    await page.fill("#code", "000000")
    await person.press("Confirmer")
    await expect(page.get_by_role("alert")).to_contain_text("Le code n’est pas correct")
    assert await page.locator("code.secret").inner_text() == secret
    assert await person.flaws() == []
    await page.fill("#code", code(secret, -1))
    await person.press("Confirmer")
    codes = await page.locator(".codes code").all_inner_texts()
    assert len(codes) == 10
    assert await person.flaws() == []
    return secret, codes


@pytest.mark.parametrize("javascript", [True, False], ids=["with-javascript", "without-javascript"])
async def test_sign_in_in_two_steps(running: Platform, chromium: Browser, javascript: bool) -> None:
    """D8 and D14: the app's code, each once; a recovery code, each once; the session ends at the fifth."""
    firm = await running.firm()
    person = await screen(chromium, running, javascript=javascript, width=360)
    page = person.page
    await person.sign_in(firm.email)
    secret, recovery = await set_up_app(person)
    await page.get_by_role("link", name="J’ai gardé mes codes").click()
    await expect(page.get_by_role("heading", name="Entreprises")).to_be_visible()

    async def first_step() -> None:
        await person.go("/sign-in?next=/me")
        await page.fill("#email", firm.email)
        await page.fill("#password", PASSWORD)
        await person.press("Se connecter")
        await expect(page.get_by_role("heading", name="Deuxième étape")).to_be_visible()

    async def second_step(given: str) -> None:
        await page.fill("#code", given)
        await person.press("Vérifier le code")

    await first_step()
    assert await person.flaws() == []
    for path in ("/companies", "/me", "/"):
        await person.go(path)
        await expect(page.get_by_role("heading", name="Deuxième étape")).to_be_visible()
    present = code(secret)
    await first_step()
    await second_step(present)
    await expect(page.get_by_role("heading", name="Paramètres personnels")).to_be_visible()
    await first_step()
    await second_step(present)
    await expect(page.get_by_role("alert")).to_contain_text("a déjà servi")
    await second_step(recovery[0])
    await expect(page.get_by_role("heading", name="Paramètres personnels")).to_be_visible()
    await first_step()
    await second_step(recovery[0])
    for _ in range(3):
        await second_step("000000")
    await expect(page.get_by_role("alert")).to_be_visible()
    await second_step("000000")
    await expect(page.get_by_role("heading", name="Connexion")).to_be_visible()
    assert person.said == []


async def test_who_must_enrol_reaches_enrolment_only(running: Platform, chromium: Browser) -> None:
    """D8: every page leads to enrolment until it is done, then everything is open."""
    firm = await running.firm()
    path = f"/v1/companies/{firm.company_id}/privacy"
    switches = {"support_access": False, "require_two_factor": True}
    assert (await firm.at("identity").put(path, json=switches)).status_code == 200
    person = await screen(chromium, running)
    await person.sign_in(firm.email)
    for address in ("/", "/companies", "/me", "/working-company?next=/companies", "/companies/new"):
        await person.go(address)
        if "working-company" in address:
            continue
        await expect(person.page.get_by_role("status")).to_contain_text("à deux facteurs")
        await expect(person.page.get_by_role("link", name="Entreprises", exact=True)).to_have_count(
            0
        )
    assert await person.flaws() == []
    await set_up_app(person)
    await person.go("/companies")
    await expect(person.page.get_by_role("heading", name="Entreprises")).to_be_visible()


async def test_a_passkey_is_made_signs_in_and_is_removed(
    running: Platform, chromium: Browser
) -> None:
    """D14: Chromium's virtual authenticator; a passkey of one account doesn't open another."""
    firm = await running.firm()
    person = await screen(chromium, running)
    person.base = person.base.replace("127.0.0.1", "localhost")
    page = person.page
    devtools = await page.context.new_cdp_session(page)
    await devtools.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True,
               "hasUserVerification": True, "isUserVerified": True}  # fmt: skip
    added = await devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    await person.sign_in(firm.email)
    await person.go("/me/security")
    await person.follow("Ajouter une clé d’accès")
    assert await person.flaws() == []
    await page.fill("#name", "Portable")
    await page.fill("#password", "pas le bon mot de passe")
    await person.press("Créer la clé")
    await expect(page.get_by_role("alert").first).to_contain_text("mot de passe actuel")
    removed = {"authenticatorId": added["authenticatorId"]}
    await devtools.send("WebAuthn.clearCredentials", removed)
    await page.fill("#password", PASSWORD)
    await person.press("Créer la clé")
    await expect(page.locator(".codes code")).to_have_count(10)
    await person.go("/sign-in")
    await person.sign_in(firm.email)
    await expect(page.get_by_role("heading", name="Deuxième étape")).to_be_visible()
    await person.press("Utiliser une clé d’accès")
    await expect(page.get_by_role("heading", name="Entreprises")).to_be_visible()
    await person.go("/me/security")
    await expect(page.get_by_text("Portable").first).to_be_visible()
    assert await person.flaws() == []
    await page.locator(".fold summary", has_text="Retirer Portable").click()
    await page.locator("input[name^=password-]").fill(PASSWORD)
    await person.press("Retirer Portable")
    await expect(page.get_by_role("status")).to_contain_text("La clé d’accès est retirée")
    assert person.said == []


@pytest.mark.parametrize("width", [1280, 360])
async def test_personal_settings(running: Platform, chromium: Browser, width: int) -> None:
    """D3 and S6: names and language; the e-mail is shown and fixed; password; sessions; one's data."""
    firm = await running.firm()
    other = await running.person(firm.email)
    person = await screen(chromium, running, javascript=width == 360, width=width)
    page = person.page
    await person.sign_in(firm.email)
    await person.go("/me")
    await expect(page.get_by_text(firm.email)).to_be_visible()
    await expect(page.locator("input[name=email]")).to_have_count(0)
    await person.follow("Modifier")
    await expect(page.locator("input[name=email]")).to_have_count(0)
    assert await person.flaws() == []
    await page.fill("#first_name", "Odette")
    await page.select_option("#language", "nl")
    await person.press("Enregistrer")
    await expect(page.get_by_role("heading", name="Persoonlijke instellingen")).to_be_visible()
    await person.follow("Wijzigen")
    await page.select_option("#language", "fr")
    await person.press("Opslaan")
    await expect(page.locator(".menu summary").first).to_contain_text("Odette Martin")
    assert await person.flaws() == []
    kept = await page.request.get(person.base + "/me/data")
    assert "attachment" in kept.headers["content-disposition"]
    data = await kept.json()
    assert data["user"]["email"] == firm.email
    assert data["user"]["first_name"] == "Odette"
    assert not re.search(r"\$argon2|_hash|secret", str(data))
    await person.go("/me/security")
    assert await person.flaws() == []
    await page.fill("#present", "pas le bon")
    await page.fill("#wanted", "une autre longue phrase")
    await person.press("Changer le mot de passe")
    await expect(page.get_by_role("alert")).to_contain_text("mot de passe actuel")
    assert await alive(other)
    await person.press("Terminer les autres sessions")
    assert not await alive(other)
    again = await running.person(firm.email)
    await page.fill("#present", PASSWORD)
    await page.fill("#wanted", "une autre longue phrase")
    await person.press("Changer le mot de passe")
    await expect(page.get_by_role("status")).to_contain_text("Le mot de passe est changé")
    assert not await alive(again)


async def alive(person: Person) -> bool:
    """Whether this session is still good."""
    return (await person.at("identity").get("/v1/me")).status_code == 200
