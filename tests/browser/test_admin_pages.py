"""The administrators' pages as they look with something in them: axe finds nothing, nothing is cut off."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from playwright.async_api import Browser, expect

from deploy.local.broker import Broker
from shared.database import Database
from tests.browser.alone import picture, portal, seated
from tests.conftest import DatabaseFactory
from tests.integration.portal.firm import Firm, new_firm
from tests.integration.portal.test_audit import recorded


async def documents(db: Database, firm: Firm, count: int) -> None:
    """Issued over thirty days by the firm's first company, each on its way over three channels."""
    company, now = next(iter(firm.companies.values())), datetime.now(UTC)
    async with db.system_transaction() as conn:
        for n in range(count):
            invoice, issued = uuid4(), now - timedelta(days=n % 29, minutes=n)
            await conn.execute(
                "INSERT INTO invoice_face (invoice_id, company_id, customer_id, number, document_kind, "
                "buyer_name, amount_due, currency, issue_date, issued_at) "
                "VALUES ($1, $2, $3, $4, 'invoice', 'Comptoir', 121, 'EUR', $5, $6)",
                invoice, company, uuid4(), f"F-{n:06}", issued.date(), issued,
            )  # fmt: skip
            for m, channel in enumerate(("email", "peppol", "sftp")):
                states = ("delivered", "delivered", "delivered", "scheduled", "exhausted")
                state = states[(n + m) % 5]
                ended = (
                    issued + timedelta(seconds=1 + n * (m + 1)) if state != "scheduled" else None
                )
                await conn.execute(
                    "INSERT INTO delivery_face (delivery_id, invoice_id, company_id, channel, target, state, "
                    "scheduled_at, ended_at, version) VALUES ($1, $2, $3, $4, 'x', $5, $6, $7, 2)",
                    uuid4(), invoice, company, channel, state, issued, ended,
                )  # fmt: skip


async def test_no_page_has_a_flaw(
    new_database: DatabaseFactory, kafka_broker: Broker, chromium: Browser
) -> None:
    async with portal(await new_database("portal"), kafka_broker) as alone:
        firm = await new_firm(alone.db, 4, {2: ("vat_number",)})
        alone.app.state.settings.operator_company_id = firm.company_id
        await documents(alone.db, firm, 60)
        await recorded(alone.db, firm, next(iter(firm.companies.values())), 70)
        admin = await seated(chromium, alone.base, firm.token, width=360)
        flaws = {}
        for name, path in (
            ("overview", "/companies/overview"),
            ("operations", "/operations"),
            ("audit", "/audit"),
            ("audit-filtered", "/audit?action=series.started&start=2026-11-01&end=2026-10-01"),
            ("audit-empty", "/audit?document=none"),
            ("deployments-empty", "/companies/portal/deployments"),
            ("companies-empty", "/companies?q=nothing+like+it"),
        ):
            await admin.go(path)
            flaws[name] = await admin.flaws()
            await picture(admin, name)
        await admin.go("/companies/overview")
        await expect(admin.page.locator(".bar-chart rect").first).to_be_visible()
        await admin.page.context.close()  # its stream ends; the server waits for that
    assert {name: found for name, found in flaws.items() if found} == {}
    assert admin.said == []
