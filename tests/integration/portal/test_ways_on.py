"""What a page says leads on: no page sends one astray, or leaves one without a next step."""

import re
from html import unescape
from typing import Any
from uuid import uuid4

import pyotp

from tests.integration.portal.conftest import Pages, pages_of
from tests.platform import PASSWORD, SELLER, Platform
from tests.services import eventually


def links(page: str) -> set[str]:
    """Where a page's content leads."""
    content = page.partition("<main")[2].partition("</main>")[0]
    return {unescape(href) for href in re.findall(r'<a[^>]* href="([^"]*)"', content)}


def told(page: str) -> str:
    """The page's content as one reads it."""
    content = page.partition("<main")[2].partition("</main>")[0]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", content)).split())


async def test_legal_information_leads_on_once_it_is_complete_and_never_elsewhere(
    running: Platform,
) -> None:
    firm = await running.firm()
    company = await running.company(firm, {**SELLER, "vat_number": ""})
    pages, path = await pages_of(running, firm), f"/companies/{company}/legal-information"
    assert "javascript:alert(1)" not in links(
        (await pages.get(f"{path}?next=javascript:alert(1)")).text
    )
    back = f"/companies/portal?company={company}"
    plain: dict[str, Any] = {**SELLER, "next": back}
    legal = plain | {f"address.{k}": v for k, v in plain.pop("address").items()}
    saved = await pages.post(path, **{**legal, "vat_number": ""})
    assert saved.status_code == 303
    again = await pages.get(saved.headers["location"])
    assert f'name="next" value="{back}"' in unescape(again.text)
    saved = await pages.post(path, **legal)
    assert saved.headers["location"] == f"{back}&done=saved"


async def test_an_owner_without_invoicing_is_told_what_is_missing_and_where_to_go(
    running: Platform,
) -> None:
    owner = await running.register({"name": "Atelier", "address": {"country": "BE"}})
    pages = await pages_of(running, owner)
    billing = f"/companies/{owner.company_id}/billing"
    welcome = (await pages.get("/welcome")).text
    assert billing in links(welcome)
    assert "Ask the administrator" not in told(welcome)

    async def heard() -> str:
        page = await pages.get(billing)
        return told(page.text) if page.status_code == 200 else ""

    said = await eventually(heard)
    for name in ("Legal form", "Registration number", "VAT number", "Postcode", "City"):
        assert name in said


async def test_a_letter_s_link_that_is_over_leads_to_the_sign_in_and_to_a_new_password(
    running: Platform,
) -> None:
    pages = await pages_of(running, await running.register(SELLER))
    over = await pages.get(f"/invitation/{uuid4().hex}")
    assert over.status_code == 410
    assert {"/sign-in", "/password-reset"} <= links(over.text)


async def test_new_recovery_codes_are_told_as_that(running: Platform) -> None:
    owner = await running.register(SELLER)
    secret = (await owner.at("identity").post("/v1/me/totp", json={"password": PASSWORD})).json()[
        "secret"
    ]
    confirmed = await owner.at("identity").post(
        "/v1/me/totp/confirm", json={"code": pyotp.TOTP(secret).now()}
    )
    assert confirmed.status_code == 200, confirmed.text
    pages = await pages_of(running, owner)
    renewed = await pages.post("/me/security/recovery-codes", codes_password=PASSWORD)
    assert "the old ones are void" in told(renewed.text)
    assert "Two-factor authentication is on" not in told(renewed.text)


async def test_a_credit_note_isn_t_to_be_paid(running: Platform) -> None:
    pages = await pages_of(running, await running.biller())
    assert "Amount credited €121.00" in told(await sums(pages, "credit_note"))
    assert "Amount due €121.00" in told(await sums(pages, "invoice"))


async def test_a_line_that_is_wrong_is_there_all_the_same(running: Platform) -> None:
    pages = await pages_of(running, await running.biller())
    wrong = told(await sums(pages, "invoice", action="issue", line_price="abc"))
    assert "Write a number, such as 12.50." in wrong
    assert "Must be filled in." not in wrong
    empty = told(await sums(pages, "invoice", action="issue", line_name="", line_price=""))
    assert "Must be filled in." in empty


async def test_no_way_to_receive_is_told_in_the_reader_s_language(running: Platform) -> None:
    pages = await pages_of(running, await running.biller())
    await pages.get("/customers?lang=nl")
    fields = {"name": "Comptoir", "address.country": "BE", "language": "nl"}
    refused = told((await pages.post(f"/customers/{uuid4()}", **fields)).text)
    assert refused.count("Kies minstens één ontvangstkanaal") == 2
    assert "Choose" not in refused


async def sums(pages: Pages, kind: str, action: str = "totals", **changed: str) -> str:
    """The form of a document of 100 € and its VAT."""
    line = {"line_name": "Fût", "line_quantity": "2", "line_unit": "C62", "line_price": "50",
            "line_vat": "S:21"}  # fmt: skip
    answer = await pages.post(f"/drafts/{uuid4()}", kind=kind, action=action, **{**line, **changed})
    return answer.text


async def test_who_may_not_write_invoices_is_not_led_to_a_new_one(running: Platform) -> None:
    firm = await running.firm()
    company = await running.company(firm)
    reading = {"name": "Lecteur", "rights": []}
    made = await firm.at("identity").post(f"/v1/companies/{company}/profiles", json=reading)
    assert made.status_code == 201, made.text
    emails = [await running.user(firm, company, name) for name in ("Gérant", "Lecteur")]
    await running.subscribe(company, "invoicing")
    await running.switch_on(firm, company, "Gérant", "Lecteur")
    writer, reader = [await pages_of(running, await running.person(email)) for email in emails]

    async def customer() -> bool:
        body = {"name": "Comptoir", "address": {"country": "BE"}}
        path = f"/v1/customers/{uuid4()}"
        return (await writer.person.at("billing").put(path, json=body)).status_code == 200

    async def listed(pages: Pages) -> set[str]:
        answer = await pages.get("/customers")
        return links(answer.text) if "Comptoir" in answer.text else set()

    await eventually(customer)
    assert any("/invoices/new" in to for to in await eventually(lambda: listed(writer)))
    assert not any("/invoices/new" in to for to in await eventually(lambda: listed(reader)))
