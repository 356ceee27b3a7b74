"""Every page of the running services on a phone, with its scripts at work: axe finds nothing, nothing is
cut off, no script complains. (test_every_state has every state, desktop too, but no scripts.)"""

from pathlib import Path

from playwright.async_api import Browser

from tests.browser.conftest import screen
from tests.browser.test_story import people
from tests.flow.test_issue_to_proof import customer, issue
from tests.platform import Platform
from tests.services import eventually

EMAIL_WAY = {"channel": "email", "settings": {"to": ["factures@comptoir.example"]}}


async def test_no_page_has_a_flaw(running: Platform, chromium: Browser, tmp_path: Path) -> None:
    firm_email, _ = await people(running)
    biller = await running.biller()
    client = await customer(biller, EMAIL_WAY)
    invoice = await issue(biller, client)
    draft = {"customer_id": client, "content": {"lines": [LINE_WITHOUT_RATE]}}
    kept = (await biller.at("billing").post("/v1/drafts", json=draft)).json()["draft_id"]
    users = f"/v1/companies/{biller.company_id}/users"
    admin = await screen(chromium, running, width=360)
    flaws: dict[str, list[str]] = {}
    for path in ("/sign-in", "/sign-up", "/invitation/nothing"):
        await admin.go(path)
        flaws[path] = await admin.flaws()
    await admin.sign_in(firm_email)
    company = await admin.page.locator("input[name=company]").first.get_attribute("value")
    for path in (
        "/companies", f"/companies/portal?company={company}", f"/companies/portal/edit?company={company}",
        f"/companies/{company}/legal-information", f"/companies/{company}/users",
        f"/companies/{company}/users/new", "/companies/new", "/me", "/working-company", "/invoices", "/nowhere",
    ):  # fmt: skip
        await admin.go(path)
        flaws[path] = await admin.flaws()
        await admin.page.screenshot(path=tmp_path / f"{len(flaws)}.png", full_page=True)
    user = await screen(chromium, running, width=360)
    await user.page.context.add_cookies(
        [{"name": f"facteur_{n}", "value": v, "url": user.base}
         for n, v in (("session", biller.session), ("token", biller.token))]
    )  # fmt: skip
    for path in (
        "/dashboard", "/invoices", f"/invoices/{invoice['invoice_id']}", "/invoices/new", f"/drafts/{kept}",
        "/customers", "/customers/new", f"/customers/{client}",
        "/products", "/products/new", "/deliveries", "/purchases", "/me",
    ):  # fmt: skip
        await user.go(path)
        flaws[f"{path} of {users}"] = await user.flaws()
        await user.page.screenshot(path=tmp_path / f"{len(flaws)}.png", full_page=True)
    assert {path: found for path, found in flaws.items() if found} == {}
    assert (admin.said, user.said) == ([], [])


LINE_WITHOUT_RATE = {
    "quantity": "1",
    "price": {"net": "5.00"},
    "vat": {"category": "E", "rate": "0"},
    "item": {"name": "Formation"},
}


async def test_an_open_page_is_cut_off_when_access_ends(
    running: Platform, chromium: Browser
) -> None:
    """The stream of a timeline ends with the access of whoever watches it."""
    biller = await running.biller()
    invoice = await issue(biller, await customer(biller, EMAIL_WAY))
    ended: list[str] = []
    cookies = {"facteur_session": biller.session, "facteur_token": biller.token}
    import asyncio

    import httpx

    async def watch() -> None:
        async with httpx.AsyncClient(cookies=cookies, timeout=30) as client:
            path = f"{running.urls['portal']}/invoices/{invoice['invoice_id']}/events?seen=0"
            async with client.stream("GET", path) as stream:
                ended.append(f"began {stream.status_code}")
                async for line in stream.aiter_lines():
                    ended.append(line)  # noqa: PERF401 — line by line, as they come
        ended.append("over")

    task = asyncio.create_task(watch())

    async def told() -> bool:
        return "event: changed" in ended

    await eventually(told)
    async with httpx.AsyncClient(base_url=running.urls["identity"]) as client:
        headers = {"Authorization": f"Session {biller.session}"}
        assert (await client.delete("/v1/sessions/current", headers=headers)).status_code == 204

    async def over() -> bool:
        return ended[-1] == "over"

    await eventually(over, seconds=2)
    await task
