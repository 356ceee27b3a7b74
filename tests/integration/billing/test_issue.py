"""Issuing on real parts: numbers under parallel issue, refusals, immutability, tenancy."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from shared.einvoice.rules import RuleSetMissing
from shared.einvoice.syntax import ubl
from tests.integration.billing.conftest import Billing
from tests.platform import LINE
from tests.unit.einvoice.samples import belgian, issued

pytestmark = pytest.mark.kafka


async def test_fifty_parallel_issues_take_116_to_165_in_the_order_of_time(billing: Billing) -> None:
    customer, series = await billing.customer(), await billing.series("P-", 115)
    drafts = [await billing.draft(customer, series_id=series) for _ in range(50)]
    answers = await asyncio.gather(*(billing.issue(draft) for draft in drafts))
    assert {a.status_code for a in answers} == {201}
    rows = await _rows(billing)
    assert [row["number"] for row in rows] == [f"P-{n}" for n in range(116, 166)]
    assert [row["issued_at"] for row in rows] == sorted(row["issued_at"] for row in rows)
    assert await billing.announced() == 50


async def test_a_draft_issued_twice_at_once_is_one_invoice(billing: Billing) -> None:
    draft = await billing.draft(await billing.customer())
    answers = await asyncio.gather(*(billing.issue(draft) for _ in range(5)))
    assert sorted(a.status_code for a in answers) == [200, 200, 200, 200, 201]
    assert {a.json()["number"] for a in answers} == {"F-000001"}
    assert await billing.announced() == 1


async def test_an_issued_invoice_never_changes(billing: Billing) -> None:
    draft = await billing.draft(await billing.customer())
    invoice = (await billing.issue(draft)).json()
    path = f"/v1/invoices/{invoice['invoice_id']}"
    for method in ("PUT", "PATCH"):
        refused = await billing.client.request(
            method, path, json={"number": "F-9"}, headers=billing.caller.headers
        )
        assert refused.status_code == 409, refused.text
        assert refused.json()["type"].endswith("already-issued")
    changed = await billing.client.put(
        f"/v1/drafts/{draft}", json={"version": 1, "content": {"lines": [LINE]}},
        headers=billing.caller.headers,
    )  # fmt: skip
    assert changed.status_code == 409
    gone = await billing.client.delete(f"/v1/drafts/{draft}", headers=billing.caller.headers)
    assert gone.status_code == 409


@pytest.mark.parametrize("statement", ["UPDATE invoice SET number = 'X'", "DELETE FROM invoice"])
async def test_postgresql_refuses_the_service_itself_to_change_an_invoice(
    billing: Billing, statement: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with billing.runtime.system_transaction() as conn:
            await conn.execute(statement)


@pytest.mark.parametrize(
    ("language", "word"), [("fr", "acheteur"), ("nl", "koper"), ("en", "buyer")]
)
async def test_a_refusal_names_rule_and_field_in_the_callers_language_and_takes_no_number(
    billing: Billing, language: str, word: str
) -> None:
    caller = await billing.world.biller(billing.runtime, language=language)
    # without an electronic address of the buyer Peppol's rules refuse (BT-49)
    customer = await billing.customer(caller, peppol_id="", registration_number="", vat_number="")
    draft = await billing.draft(customer, caller)
    refused = await billing.issue(draft, caller)
    assert refused.status_code == 422, refused.text
    findings = refused.json()["findings"]
    assert all(f["rule"] and f["what_to_do"] and f["location"] for f in findings)
    assert any(f["field"] for f in findings), findings
    assert word in " ".join(f["what_to_do"] for f in findings).lower()
    assert await billing.announced() == 0
    kept = await billing.client.get(f"/v1/drafts/{draft}", headers=caller.headers)
    assert kept.json()["invoice_id"] is None
    good = await billing.issue(await billing.draft(await billing.customer(caller), caller), caller)
    assert good.json()["number"] == "F-000001", "the refusal took a number"


async def test_more_than_ten_mib_is_refused_before_a_number(billing: Billing) -> None:
    attached = {
        "reference": "A1",
        "filename": "plan.pdf",
        "mime_code": "application/pdf",
        "content": "A" * (10 * 1024 * 1024),
    }
    draft = await billing.draft(await billing.customer(), content={"attachments": [attached]})
    refused = await billing.issue(draft)
    assert refused.status_code == 413, refused.text
    assert await billing.announced() == 0
    xml = await _own_ubl(billing)
    padding = b"<!--" + b"x" * (10 * 1024 * 1024) + b"--><cbc:CustomizationID"
    posted = await _post(billing, xml.replace(b"<cbc:CustomizationID", padding, 1))
    assert posted.status_code == 413, posted.text
    whole = await _post(billing, b"<a>" + b"x" * (12 * 1024 * 1024) + b"</a>")
    assert whole.status_code == 413
    after = await billing.issue(await billing.draft(await billing.customer()))
    assert after.json()["number"] == "F-000002"


async def test_without_the_rules_nothing_is_issued(
    billing: Billing, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = await billing.draft(await billing.customer())

    async def missing(*_: object) -> None:
        raise RuleSetMissing("rule set peppol is not installed")

    with monkeypatch.context() as patch:
        patch.setattr(billing.app.state.validator, "_twice", missing)
        refused = await billing.issue(draft)
    assert refused.status_code == 503
    assert refused.headers["Retry-After"]
    assert await billing.announced() == 0
    assert (await billing.issue(draft)).json()["number"] == "F-000001"


async def test_a_posted_ubl_of_another_seller_or_signed_is_refused(billing: Billing) -> None:
    stranger = await _post(billing, ubl.write(issued(belgian())))
    assert stranger.status_code == 403
    assert stranger.json()["type"].endswith("not-the-seller")
    signature = b"<ext:UBLExtensions xmlns:ext='urn:oasis:names:specification:ubl:schema:xsd:Common"
    signature += b"ExtensionComponents-2'><ext:UBLExtension><ext:ExtensionContent><ds:Signature "
    signature += b"xmlns:ds='http://www.w3.org/2000/09/xmldsig#'/></ext:ExtensionContent>"
    signature += b"</ext:UBLExtension></ext:UBLExtensions><cbc:CustomizationID"
    xml = (await _own_ubl(billing)).replace(b"<cbc:CustomizationID", signature, 1)
    signed = await _post(billing, xml)
    assert signed.status_code == 422, signed.text
    assert "signed" in signed.text
    for bad in (b"", b"<a/>", b"not xml", b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'):
        refused = await _post(billing, bad)
        assert refused.status_code == 422, (bad, refused.text)
    for amount in (b"NaN", b"Infinity", b"9" * 25):
        odd = re.sub(rb"(<cbc:PayableAmount[^>]*>)[^<]*", rb"\g<1>" + amount, xml)
        refused = await _post(billing, odd)
        assert refused.status_code == 422, (amount, refused.text)
        assert "amount_due" in refused.text


async def test_a_posted_ubl_is_kept_as_it_is_and_must_fit_the_order_of_dates(
    billing: Billing,
) -> None:
    xml, today = await _own_ubl(billing), datetime.now(UTC).date()
    kept = (await billing.issue((await _post(billing, xml)).json()["draft_id"])).json()
    original = await billing.client.get(
        f"/v1/invoices/{kept['invoice_id']}/original", headers=billing.caller.headers
    )
    assert original.content == ubl.set_number(xml, kept["number"])
    before = xml.replace(
        f"<cbc:IssueDate>{today}".encode(), f"<cbc:IssueDate>{today - timedelta(days=3)}".encode()
    )
    assert before != xml
    late = await billing.issue((await _post(billing, before)).json()["draft_id"])
    assert late.status_code == 409, late.text
    assert late.json()["type"].endswith("date-out-of-order")
    again = await _post(billing, before, set_issue_date="true")
    assert (await billing.issue(again.json()["draft_id"])).json()["number"] == "F-000003"


@pytest.mark.parametrize(
    ("written", "instead", "named"),
    [
        (b"<cbc:ID>THEIRS-1</cbc:ID>", b"", "BT-1"),
        (b"<cbc:Name>Bi", b"<cbc:Name>" + b"x" * 100_001 + b"Bi", "lines.0.item.name"),
    ],
)
async def test_a_posted_ubl_that_cant_be_numbered_or_read_is_refused_in_words(
    billing: Billing, written: bytes, instead: bytes, named: str
) -> None:
    xml = await _own_ubl(billing)
    assert xml.count(written) == 1
    posted = await _post(billing, xml.replace(written, instead))
    refused = await billing.issue(posted.json()["draft_id"]) if posted.is_success else posted
    assert refused.status_code == 422, refused.text
    assert named in refused.text
    assert await billing.announced() == 1, "the document that the test copied"


async def test_a_document_whose_event_the_broker_would_refuse_takes_no_number(
    billing: Billing,
) -> None:
    """Ten megabytes of quotation marks are within what a document may have; as JSON they are twice that."""
    lines = [{**LINE, "item": {"name": "Bière", "description": "LONG"}} for _ in range(100)]
    xml = await _own_ubl(billing, lines=lines)
    posted = await _post(billing, xml.replace(b"LONG", b'"' * 99_000))
    refused = await billing.issue(posted.json()["draft_id"])
    assert refused.status_code == 413, refused.text
    assert refused.json()["type"].endswith("document-too-large")
    after = await billing.issue(await billing.draft(await billing.customer()))
    assert after.json()["number"] == "F-000002"
    assert await billing.announced() == 2


async def test_another_companys_ids_are_not_there(billing: Billing) -> None:
    customer = await billing.customer()
    draft = await billing.draft(customer)
    invoice = (await billing.issue(await billing.draft(customer))).json()["invoice_id"]
    series = (await billing.client.get("/v1/series", headers=billing.caller.headers)).json()[0]
    change = {"version": 1, "content": {"lines": [LINE]}}
    for method, path, body in (
        ("GET", f"/v1/customers/{customer}", None),
        ("GET", f"/v1/drafts/{draft}", None),
        ("PUT", f"/v1/drafts/{draft}", change),
        ("DELETE", f"/v1/drafts/{draft}", None),
        ("POST", f"/v1/drafts/{draft}/issue", None),
        ("GET", f"/v1/invoices/{invoice}", None),
        ("PUT", f"/v1/invoices/{invoice}", None),
        ("GET", f"/v1/invoices/{invoice}/original", None),
        ("GET", f"/v1/invoices/{invoice}/readable", None),
        ("PATCH", f"/v1/series/{series['series_id']}", {"last_number": 7}),
    ):
        answer = await billing.client.request(
            method, path, json=body, headers=billing.other.headers
        )
        assert answer.status_code == 404, (method, path, answer.text)
    for path in ("/v1/customers", "/v1/drafts", "/v1/invoices", "/v1/series"):
        listed = await billing.client.get(path, headers=billing.other.headers)
        assert listed.json() == [], path
    theirs = await billing.client.post(
        "/v1/drafts", json={"customer_id": customer, "content": {"lines": [LINE]}},
        headers=billing.other.headers,
    )  # fmt: skip
    assert theirs.status_code == 422


async def test_row_level_security_is_a_second_wall(billing: Billing) -> None:
    await billing.issue(await billing.draft(await billing.customer()))
    runtime = billing.runtime
    for table in ("customer", "series", "draft", "invoice", "rendering"):
        count = f"SELECT count(*) FROM {table}"  # noqa: S608
        assert await runtime.pool.fetchval(count) == 0, f"{table} without a scope"
        async with runtime.transaction(billing.other.company_id) as conn:
            assert await conn.fetchval(count) == 0, f"{table} in another's scope"
        async with runtime.transaction(billing.caller.company_id) as conn:
            assert await conn.fetchval(count) == 1, table
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with runtime.transaction(billing.other.company_id) as conn:
            await conn.execute(
                "INSERT INTO series VALUES ($1, $2, 'invoice', 'X', 1, 0, NULL, 1)",
                uuid4(),
                billing.caller.company_id,
            )


async def _rows(billing: Billing) -> list[Any]:
    async with billing.runtime.transaction(billing.caller.company_id) as conn:
        return list(await conn.fetch("SELECT number, issued_at FROM invoice ORDER BY sequence"))


async def _own_ubl(billing: Billing, **content: Any) -> bytes:
    """A UBL of the acting company, valid by the rules, dated today, with a number of its own."""
    draft = await billing.draft(await billing.customer(), content=content)
    invoice = (await billing.issue(draft)).json()
    found = await billing.client.get(
        f"/v1/invoices/{invoice['invoice_id']}/original", headers=billing.caller.headers
    )
    return ubl.set_number(found.content, "THEIRS-1")


async def _post(billing: Billing, xml: bytes, **query: str) -> Any:
    customer = await billing.customer()
    return await billing.client.post(
        "/v1/drafts/ubl", content=xml, params={"customer_id": customer, **query},
        headers={**billing.caller.headers, "Content-Type": "application/xml"},
    )  # fmt: skip
