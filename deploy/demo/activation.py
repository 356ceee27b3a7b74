"""Facturation for a company: what stands in its way, the path through the pages, who may then.

*Entreprises → Actions multiples → Portail de service → Administrer le portail d'entreprise → Éditer*.
"""

import asyncio
import sys
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx

from deploy.demo import people
from deploy.demo.browser import browsing
from deploy.demo.people import Person, Refused
from deploy.demo.waiting import until
from deploy.local.stack import Stack

Tell = Callable[[str], None]

COMPLETE = people.MENUISERIE | {
    "legal_form": "SRL",
    "registration_number": "0417497106",
    "vat_number": "BE0417497106",
    "address": {"line1": "Kerkstraat 5", "postcode": "9000", "city": "Gent", "country": "BE"},
}


async def subscribe(stack: Stack, company: UUID, *options: str) -> None:
    """What a company has bought, by the operator's command `facteur subscription`."""
    argv = ["subscription", str(company), "--stack", str(stack.root)]
    for option in options:
        argv += ["--option", option]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "deploy.cli.main", *argv,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, said = await process.communicate()
    if process.returncode:
        raise Refused(f"facteur {' '.join(argv)}: {said.decode()[-600:]}")


async def preconditions(stack: Stack, admin: Person, trainee: Person, tell: Tell) -> None:
    """Each missing alone refuses with its own answer, at the company that lacks all of them."""
    company = await people.managed_company(admin, people.MENUISERIE)
    legal = f"/v1/companies/{company}/legal-information"
    await admin.ask("identity", "PUT", legal, json=people.MENUISERIE)
    await subscribe(stack, company)
    await _told(admin, company, 409, "not-subscribed", tell)
    refused = await _asked(trainee, company)
    if refused.status_code != 403:
        raise Refused(f"without the right to mass deployment the answer is {refused.status_code}")
    tell("Hugo, who lacks the right to mass deployment, gets 403; his page has no such action")
    await _no_action(trainee)
    await subscribe(stack, company, "invoicing")
    await _told(admin, company, 422, "legal-information-missing", tell)
    await admin.ask("identity", "PUT", legal, json=COMPLETE)
    await _told(admin, company, 409, "no-user", tell)


async def _asked(person: Person, company: UUID) -> httpx.Response:
    path = f"/api/v1/companies/{company}/portal/billing/preview"
    change = {"enabled": True, "profile_ids": []}
    return await person.call("portal", "POST", path, json=change)


async def _told(admin: Person, company: UUID, status: int, slug: str, tell: Tell) -> None:
    async def answered() -> dict[str, Any] | None:
        answer = await _asked(admin, company)
        if answer.status_code != status:
            return None
        body: dict[str, Any] = answer.json()
        return body if body["type"].endswith(slug) else None

    body = await until(f"the answer {status} {slug} for Menuiserie Janssens", answered)
    missing = f" ({', '.join(body['missing'])})" if "missing" in body else ""
    tell(f"Menuiserie Janssens is refused, {status}: {body['detail']}{missing}")


async def _no_action(person: Person) -> None:
    async with browsing(person) as browser:
        await browser.open("/companies")
        if browser.offers("Administrer le portail"):
            raise Refused("mass deployment is offered to somebody without the right")


async def switch_on(admin: Person, company: UUID, name: str, *profiles: str) -> str:
    """Through the pages, as the admin does; returns who gains access by the warning's own words."""
    await _ready(admin, company, name, profiles)
    async with browsing(admin) as browser:
        await browser.open("/companies")
        await browser.submit("/companies/portal", company=[str(company)])
        edit = "/companies/portal/edit"
        if not browser.has_link(edit):
            raise Refused(f"no link to edit the portal of {name}: {browser.text[:300]}")
        await browser.open(f"{edit}?company={company}")
        ids = [
            box.get("value")
            for box in browser.page.xpath('//input[@name="profile"]')
            if box.getparent().text_content().strip() in profiles
        ]
        await browser.submit("/companies/portal/warning", enabled="on", profile=ids)
        gains = browser.named_under("gains")
        await browser.submit("/companies/portal/confirm")
        if browser.status != 200 or browser.page.xpath(
            '//form[@action="/companies/portal/confirm"]'
        ):
            raise Refused(f"{name}: {browser.status} {browser.text[:300]}")
    return ", ".join(gains) or "nobody new"


async def _ready(admin: Person, company: UUID, name: str, profiles: tuple[str, ...]) -> None:
    async def known() -> bool:
        answer = await admin.call("portal", "GET", f"/api/v1/companies/{company}/portal")
        if answer.is_error:
            return False
        body = answer.json()
        names = {p["name"] for p in body["profiles"]}
        return bool(body["subscribed"] and body["users"] and set(profiles) <= names)

    await until(f"the portal hearing of {name}", known)


async def who_may(chosen: Person, other: Person) -> float:
    """Seconds until the chosen profile reaches billing and delivery; the other one gets 403 and no link."""

    async def allowed() -> bool:
        answers = [
            await chosen.call("billing", "GET", "/v1/drafts"),
            await chosen.call("delivery", "GET", "/v1/deliveries"),
        ]
        return all(a.status_code == 200 for a in answers)

    began = time.monotonic()
    await until("access for the chosen profile", allowed, 10, 0.01)
    took = time.monotonic() - began
    refused = await other.call("billing", "GET", "/v1/drafts")
    if refused.status_code != 403:
        raise Refused(f"a profile that wasn't chosen was answered {refused.status_code}")
    for person, expected in ((chosen, True), (other, False)):
        async with browsing(person) as browser:
            if browser.has_link("/invoices") is not expected:
                raise Refused(f"{person.email} sees {'no' if expected else 'a'} link to invoices")
    return took
