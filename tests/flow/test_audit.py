"""The audit: what people do in any service is in one chain, shown, exported, and tamper-evident."""

import io
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from deploy.local.broker import Broker
from services.portal.audit import verify_chain
from shared.database import connect
from tests.conftest import DatabaseFactory
from tests.flow.test_issue_to_proof import customer, issue
from tests.integration.portal.conftest import pages_of
from tests.integration.portal.firm import rows
from tests.platform import Platform, platform
from tests.services import eventually


@pytest.fixture
async def running(
    new_database: DatabaseFactory, kafka_broker: Broker, tmp_path: Path
) -> AsyncIterator[Platform]:
    async with platform(new_database, kafka_broker, tmp_path) as found:
        yield found


async def test_actions_are_shown_exported_and_a_changed_row_is_named(running: Platform) -> None:
    firm = await running.firm()
    company = await running.company(firm)
    await running.user(firm, company)
    await running.subscribe(company, "invoicing")
    await running.switch_on(firm, company, "Gérant")
    path = f"/api/v1/companies/{company}/audit"

    async def recorded() -> list[dict[str, str]] | None:
        lines: list[dict[str, str]] = (await firm.at("portal").get(path)).json()
        return lines if any(line["action"] == "billing.enabled" for line in lines) else None

    lines = await eventually(recorded)
    enabled = next(line for line in lines if line["action"] == "billing.enabled")
    assert enabled["actor_name"] == "Odile Martin"
    assert len(enabled["trace_id"]) == 32
    csv = (await firm.at("portal").get(path, params={"format": "csv"})).text
    assert len(csv.strip().splitlines()) == len(lines) + 1
    xlsx = (await firm.at("portal").get(path, params={"format": "xlsx"})).content
    sheet = zipfile.ZipFile(io.BytesIO(xlsx)).read("xl/worksheets/sheet1.xml")
    assert sheet.count(b"<row ") == len(lines) + 1

    db = await connect(running.databases["portal"].runtime_dsn, max_size=1)
    assert await verify_chain(db) == []
    owner = await asyncpg.connect(running.databases["portal"].owner_dsn)
    await owner.execute("UPDATE audit SET actor = 'user:nobody' WHERE position = 3")
    await owner.close()
    assert [b.position for b in await verify_chain(db)] == [3]
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await db.pool.execute("DELETE FROM audit")
    await db.close()


async def test_another_company_s_audit_is_not_found(running: Platform) -> None:
    firm, stranger = await running.firm(), await running.firm()
    company = await running.company(firm)
    path = f"/api/v1/companies/{company}/audit"

    async def known() -> bool:
        return (await firm.at("portal").get(path)).status_code == 200

    await eventually(known)
    assert (await stranger.at("portal").get(path)).status_code == 404


async def test_the_history_of_a_document_says_who_did_what_and_from_where(
    running: Platform,
) -> None:
    """Draft, issue, opening and cancelling, each by name; one trace of each in the table of actions."""
    biller = await running.biller()
    client = await customer(
        biller, {"channel": "email", "settings": {"to": ["achats@comptoir.example"]}}
    )
    invoice = await issue(biller, client)
    billing, delivery = biller.at("billing"), biller.at("delivery")
    assert (await billing.get(f"/v1/invoices/{invoice['invoice_id']}/original")).status_code == 200

    async def planned() -> str | None:
        found = (await delivery.get("/v1/deliveries")).json()
        return str(found[0]["delivery_id"]) if found else None

    delivery_id = await eventually(planned)
    cancelled = await delivery.post(f"/v1/deliveries/{delivery_id}/cancel")
    assert cancelled.json()["state"] == "cancelled"
    assert (await delivery.post(f"/v1/deliveries/{delivery_id}/cancel")).status_code == 409
    pages = await pages_of(running, biller)
    wanted = [
        "Delivery cancelled · E-mail",
        "Document opened · UBL downloaded",
        "Document issued",
        "Draft · written",
    ]

    async def told() -> str | None:
        page = await pages.get(f"/invoices/{invoice['invoice_id']}/history")
        return page.text if all(w in page.text for w in wanted) else None

    lines = {what: line for line in rows(await eventually(told)) for what in wanted if what in line}
    assert all("Luc Petit" in line and "127.0.0.0/24" in line for line in lines.values()), lines

    async def everywhere() -> bool:
        states = [d["state"] for d in (await billing.get("/v1/invoices")).json()[0]["deliveries"]]
        page = (await pages.get(f"/invoices/{invoice['invoice_id']}")).text
        return states == ["cancelled"] and "Cancelled" in page

    await eventually(everywhere)


async def test_every_topic_of_a_person_s_doing_names_the_person_and_the_network(
    running: Platform,
) -> None:
    """Whatever the four services have put into their outboxes so far."""
    firm = await running.firm()
    company = await running.company(firm)
    await running.user(firm, company)
    await running.subscribe(company, "invoicing")
    await running.switch_on(firm, company, "Gérant")
    person = await running.biller()
    await issue(
        person, await customer(person, {"channel": "email", "settings": {"to": ["a@b.example"]}})
    )
    topics: set[str] = set()
    for service in ("identity", "portal", "billing", "delivery"):
        db = await connect(running.databases[service].runtime_dsn, max_size=1)
        async with db.system_transaction() as conn:
            found = await conn.fetch("SELECT topic, headers FROM outbox")
        await db.close()
        for row in found:
            head = row["headers"]
            if head["ce_actor"].startswith(("user:", "api_key:")):
                topics.add(row["topic"])
                assert head.get("ce_origin") == "127.0.0.0/24", (service, row["topic"])
            assert {"ce_time", "ce_subject", "ce_actor"} <= head.keys()
    assert topics >= {
        "company.changed", "membership.changed", "billing.enabled", "customer.changed",
        "reception.changed", "draft.edited", "invoice.issued",
    }  # fmt: skip
