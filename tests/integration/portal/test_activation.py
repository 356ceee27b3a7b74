"""Switching facturation on by the pages: each precondition, the warning, who gets in and who is cut."""

import asyncio
import json
import re
from collections.abc import Awaitable
from typing import Any
from uuid import UUID

import pytest

from shared.database import connect
from tests.integration.portal.conftest import Pages, pages_of
from tests.platform import SELLER, Person, Platform
from tests.services import eventually

WITHIN = 2.0
"""Seconds from the answer to an edit until it holds everywhere (P2, P3)."""


async def told(running: Platform, company: UUID) -> list[tuple[str, dict[str, Any]]]:
    """What the portal has ever put into its outbox about this company: topics and contents."""
    db = await connect(running.databases["portal"].runtime_dsn, max_size=1)
    try:
        rows = await db.pool.fetch(
            "SELECT topic, payload FROM outbox WHERE key = $1 AND topic LIKE 'billing.%' "
            "ORDER BY position",
            str(company),
        )
    finally:
        await db.close()
    return [(row["topic"], json.loads(row["payload"])) for row in rows]


async def published(running: Platform, company: UUID) -> list[str]:
    """The topics alone."""
    return [topic for topic, _ in await told(running, company)]


async def portal_rows(running: Platform) -> int:
    db = await connect(running.databases["portal"].runtime_dsn, max_size=1)
    try:
        count: int = await db.pool.fetchval("SELECT count(*) FROM company_portal")
    finally:
        await db.close()
    return count


async def heard_of(
    firm: Person, company: UUID, users: int, *, subscribed: bool = True
) -> dict[str, Any]:
    async def known() -> dict[str, Any] | None:
        answer = await firm.at("portal").get(f"/api/v1/companies/{company}/portal")
        body: dict[str, Any] = answer.json()
        if answer.status_code != 200:
            return None
        right = body["users"] == users and bool(body["subscribed"]) == subscribed
        return body if right and len(body["profiles"]) == 3 else None

    found: dict[str, Any] = await eventually(known)
    return found


def profile(portal: dict[str, Any], name: str) -> str:
    return str(next(p["profile_id"] for p in portal["profiles"] if p["name"] == name))


@pytest.mark.parametrize(
    ("missing", "status", "word"),
    [
        ("option", 409, "sales representative"),
        ("legal", 422, "VAT number"),
        ("user", 409, "at least one user"),
    ],
)
async def test_a_missing_precondition_refuses_in_its_own_words_and_changes_nothing(
    running: Platform, missing: str, status: int, word: str
) -> None:
    firm = await running.firm()
    company = await running.company(
        firm, SELLER if missing != "legal" else {**SELLER, "vat_number": ""}
    )
    if missing != "user":
        await running.user(firm, company)
    if missing != "option":
        await running.subscribe(company, "invoicing")
    portal = await heard_of(firm, company, int(missing != "user"), subscribed=missing != "option")
    pages = await pages_of(running, firm)
    wanted = {"company": str(company), "enabled": "on", "profile": profile(portal, "Gérant")}
    warned = await pages.post("/companies/portal/warning", **wanted)
    assert (warned.status_code, word in warned.text) == (status, True), warned.text
    confirmed = await pages.post("/companies/portal/confirm", **wanted)
    assert confirmed.status_code == status
    assert (await published(running, company), await portal_rows(running)) == ([], 0)


async def test_what_is_missing_since_the_warning_refuses_the_confirmation(
    running: Platform,
) -> None:
    """The users concerned are the same still: it isn't the warning that is stale."""
    firm = await running.firm()
    company = await running.company(firm)
    await running.user(firm, company)
    await running.subscribe(company, "invoicing")
    portal = await heard_of(firm, company, 1)
    path = f"/api/v1/companies/{company}/portal/billing"
    change = {"enabled": True, "profile_ids": [profile(portal, "Gérant")]}
    seen = (await firm.at("portal").post(f"{path}/preview", json=change)).json()
    await running.subscribe(company)
    refused = await firm.at("portal").put(path, json={**change, "preview": seen["preview"]})
    assert (refused.status_code, refused.json()["type"]) == (
        409,
        "urn:facteur:problem:not-subscribed",
    )
    await running.subscribe(company, "invoicing")
    legal = f"/v1/companies/{company}/legal-information"
    assert (
        await firm.at("identity").put(legal, json={**SELLER, "vat_number": ""})
    ).status_code == 200

    async def heard() -> bool:
        found = (await firm.at("portal").get(f"/api/v1/companies/{company}/portal")).json()
        return bool(found["missing_legal_fields"])

    await eventually(heard)
    refused = await firm.at("portal").put(path, json={**change, "preview": seen["preview"]})
    assert (refused.status_code, refused.json()["missing"]) == (422, ["vat_number"])
    assert (await published(running, company), await portal_rows(running)) == ([], 0)


async def test_without_the_right_there_is_no_button_and_the_address_answers_403(
    running: Platform,
) -> None:
    firm = await running.firm()
    company = await running.company(firm)
    email = await running.user(firm, firm.company_id)
    pages = await pages_of(running, await running.person(email))

    async def listed() -> bool:
        return "Brasserie du Parc" in (await pages.get("/companies")).text

    await eventually(listed)
    page = (await pages.get("/companies")).text
    assert "contact your administrator" in page
    assert "Multiple actions" not in page
    for path in ("/companies/portal", "/companies/portal/edit"):
        refused = await pages.get(f"{path}?company={company}")
        assert (refused.status_code, "contact your administrator" in refused.text) == (403, True)
        assert (await pages.get(path)).status_code == 403  # nor with no company chosen yet
    assert (await pages.post("/companies/portal/confirm", company=str(company))).status_code == 403


async def test_the_whole_way_and_the_cut_within_two_seconds(running: Platform) -> None:
    firm = await running.firm()
    company = await running.company(firm)
    manager, accountant = [await running.user(firm, company, p) for p in ("Gérant", "Comptable")]
    await running.subscribe(company, "invoicing")
    portal = await heard_of(firm, company, 2)
    admin = await pages_of(running, firm)
    edit = f"/companies/portal/edit?company={company}"
    assert "checked" not in (await admin.get(edit)).text
    off = await admin.post("/companies/portal/warning", company=str(company))
    assert (off.status_code, "off already" in off.text) == (422, True)
    await confirmed(admin, company, [profile(portal, "Gérant")], gains=[manager], loses=[])
    assert (await admin.get(edit)).text.count("checked") == 2  # the switch and the one profile
    assert await published(running, company) == ["billing.enabled"]
    inside = await pages_of(running, await running.person(manager))
    outside = await pages_of(running, await running.person(accountant))
    await eventually(lambda: reaches(inside, 200))
    await eventually(lambda: reaches(outside, 403))
    assert 'href="/invoices"' in (await inside.get("/me")).text
    assert 'href="/invoices"' not in (await outside.get("/me")).text
    await confirmed(
        admin, company, [profile(portal, "Comptable")], gains=[accountant], loses=[manager]
    )
    await eventually(lambda: both(reaches(inside, 403), reaches(outside, 200)), WITHIN, 0.01)
    # what is so already is told to nobody
    await confirmed(admin, company, [profile(portal, "Comptable")], gains=[], loses=[])
    first, second = await told(running, company)
    for event, topic, name in (
        (first, "billing.enabled", "Gérant"),
        (second, "billing.access_changed", "Comptable"),
    ):
        chosen = {"profile_id": profile(portal, name), "name": name}
        assert event == (topic, {"company_id": str(company), "firm_id": str(firm.company_id),
                                 "enabled": True, "profiles": [chosen]})  # fmt: skip


async def both(*wanted: Awaitable[bool]) -> bool:
    """At the same moment, so that one doesn't wait for the other's time."""
    return all(await asyncio.gather(*wanted))


PAGES = (
    "/dashboard",
    "/invoices",
    "/invoices/new",
    "/customers",
    "/customers/new",
    "/deliveries",
    "/purchases",
)


async def reaches(pages: Pages, status: int) -> bool:
    """Whether every page, billing and delivery answer that."""
    person = pages.person
    answers = [await pages.get(path) for path in PAGES]
    answers += [
        await person.at("billing").get(p) for p in ("/v1/drafts", "/v1/invoices", "/v1/customers")
    ]
    answers += [await person.at("delivery").get(p) for p in ("/v1/deliveries", "/v1/purchases")]
    return {a.status_code for a in answers} == {status}


async def confirmed(
    admin: Pages, company: UUID, profiles: list[str], *, gains: list[str], loses: list[str]
) -> None:
    """Read the warning, check that it names just those, confirm."""
    wanted = {"company": str(company), "enabled": "on", "profile": profiles}
    warning = await admin.post("/companies/portal/warning", **wanted)
    assert warning.status_code == 200
    assert named(warning.text, "gains") == gains
    assert named(warning.text, "loses") == loses
    token = re.search(rf'name="preview\.{company}" value="([0-9a-f]+)"', warning.text)
    assert token
    done = await admin.post(
        "/companies/portal/confirm", **wanted, **{f"preview.{company}": token.group(1)}
    )
    assert done.status_code == 303, done.text


def named(page: str, part: str) -> list[str]:
    block = re.search(rf'class="effect {part}">(.*?)</div>', page, re.DOTALL)
    assert block
    return re.findall(r"<span>([^<]+@[^<]+)</span>", block.group(1))


async def test_a_stale_warning_is_refused_and_shown_anew(running: Platform) -> None:
    firm = await running.firm()
    company = await running.company(firm)
    await running.user(firm, company)
    await running.subscribe(company, "invoicing")
    portal = await heard_of(firm, company, 1)
    admin = await pages_of(running, firm)
    wanted = {"company": str(company), "enabled": "on", "profile": profile(portal, "Gérant")}
    warning = (await admin.post("/companies/portal/warning", **wanted)).text
    token = re.search(rf'name="preview\.{company}" value="([0-9a-f]+)"', warning)
    assert token
    newcomer = await running.user(firm, company)
    await heard_of(firm, company, 2)
    refused = await admin.post(
        "/companies/portal/confirm", **wanted, **{f"preview.{company}": token.group(1)}
    )
    assert refused.status_code == 409
    assert newcomer in named(refused.text, "gains")
    assert await published(running, company) == []


async def test_who_was_removed_is_in_no_warning(running: Platform) -> None:
    firm = await running.firm()
    company = await running.company(firm)
    stays, goes = [await running.user(firm, company) for _ in range(2)]
    await running.subscribe(company, "invoicing")
    portal = await heard_of(firm, company, 2)
    users = f"/v1/companies/{company}/users"
    api = firm.at("identity")
    gone = next(u for u in (await api.get(users)).json() if u["email"] == goes)
    assert (await api.delete(f"{users}/{gone['user_id']}")).status_code == 204
    await heard_of(firm, company, 1)
    admin = await pages_of(running, firm)
    await confirmed(admin, company, [profile(portal, "Gérant")], gains=[stays], loses=[])


async def test_what_somebody_else_changed_meanwhile_is_not_overwritten(running: Platform) -> None:
    """Two deployers look at one company; the second confirmation was for what is no longer so."""
    firm = await running.firm()
    company = await running.company(firm)
    manager, assistant = [await running.user(firm, company, p) for p in ("Gérant", "Assistant")]
    await running.subscribe(company, "invoicing")
    portal = await heard_of(firm, company, 2)
    first, second = await pages_of(running, firm), await pages_of(running, firm)
    wanted = {"company": str(company), "enabled": "on", "profile": profile(portal, "Gérant")}
    warning = (await first.post("/companies/portal/warning", **wanted)).text
    token = re.search(rf'name="preview\.{company}" value="([0-9a-f]+)"', warning)
    assert token
    assert (named(warning, "gains"), named(warning, "loses")) == ([manager], [])
    await confirmed(second, company, [profile(portal, "Assistant")], gains=[assistant], loses=[])
    before = await told(running, company)
    refused = await first.post(
        "/companies/portal/confirm", **wanted, **{f"preview.{company}": token.group(1)}
    )
    assert refused.status_code == 409
    assert (named(refused.text, "gains"), named(refused.text, "loses")) == ([manager], [assistant])
    assert await told(running, company) == before
    assert [topic for topic, _ in before] == ["billing.enabled"]
    # what is shown now can be confirmed
    fresh = re.search(rf'name="preview\.{company}" value="([0-9a-f]+)"', refused.text)
    assert fresh
    done = await first.post(
        "/companies/portal/confirm", **wanted, **{f"preview.{company}": fresh.group(1)}
    )
    assert done.status_code == 303
    assert await published(running, company) == ["billing.enabled", "billing.access_changed"]


async def test_a_form_from_elsewhere_or_for_another_company_is_refused(running: Platform) -> None:
    firm = await running.firm()
    pages = await pages_of(running, firm)
    form = await pages.form()
    names = {"first_name": "A", "last_name": "B", "language": "fr"}
    elsewhere = await pages.client.post(
        "/me", data={**form, **names}, headers={"Origin": "https://evil.example"}
    )
    unsigned = await pages.client.post("/me", data={**form, **names, "_form": "0" * 64})
    other = await pages.client.post("/me", data={**form, **names, "_company": str(UUID(int=7))})
    assert [r.status_code for r in (elsewhere, unsigned, other)] == [403, 403, 409]
    assert "frame-ancestors 'none'" in other.headers["content-security-policy"]
