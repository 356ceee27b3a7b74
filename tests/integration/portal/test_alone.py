"""The portal when the services behind it are away or slow, when it is told to stop, and behind https;
and its list of companies by the ten thousand."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
import pytest

from deploy.local.broker import Broker
from deploy.local.process import free_port
from services.portal.app import create_app
from services.portal.commands import deployment
from services.portal.domain.deployment import Order
from services.portal.settings import PortalSettings
from services.portal.store import companies
from services.portal.store.companies import CompanyFilter
from shared.clock import system_clock
from shared.database import connect
from tests.conftest import DatabaseFactory
from tests.integration.alone import started
from tests.integration.portal.firm import Firm, browser, new_firm, press, rows
from tests.services import kafka_settings, served

ON = Order(True, frozenset({"Gérant"}))
COMPANY = {"name": "Menuiserie Dubois", "address.country": "FR"}


@asynccontextmanager
async def portal_of(
    new_database: DatabaseFactory, broker: Broker, **settings: Any
) -> AsyncIterator[tuple[httpx.AsyncClient, Firm]]:
    database = await new_database("portal")
    db = await connect(database.runtime_dsn, max_size=2)
    firm = await new_firm(db, 1, {})
    await db.close()
    app = create_app(
        PortalSettings(database_url=database.runtime_dsn, **settings), kafka_settings(broker)
    )
    async with served(app) as client, browser(str(client.base_url), firm) as found:
        yield found, firm


async def test_a_page_says_which_part_is_away_and_keeps_what_was_typed(
    new_database: DatabaseFactory, kafka_broker: Broker
) -> None:
    away = f"http://127.0.0.1:{free_port()}"
    async with portal_of(new_database, kafka_broker, identity_url=away) as (client, firm):
        answer = await press(client, firm, "/companies/new", **COMPANY)
        assert answer.status_code == 503
        assert "Accounts and companies: this part of the platform isn’t answering" in answer.text
        assert 'value="Menuiserie Dubois"' in answer.text
        assert rows((await client.get("/companies")).text) != []


async def test_an_owner_that_answers_drop_by_drop_is_given_up_in_time(
    new_database: DatabaseFactory, kafka_broker: Broker
) -> None:
    """Each drop comes well within the time; the whole doesn't."""
    cut = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        try:
            for _ in range(200):
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.1)
        except ConnectionError:
            cut.set()

    slow = await asyncio.start_server(drip, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{slow.sockets[0].getsockname()[1]}"
    async with portal_of(new_database, kafka_broker, identity_url=url, owner_timeout_seconds=1) as (
        client,
        firm,
    ):
        answer = await asyncio.wait_for(press(client, firm, "/companies/new", **COMPANY), 8)
        assert answer.status_code == 503
        await asyncio.wait_for(cut.wait(), 8)
    slow.close()


async def test_at_sigterm_open_streams_end_and_the_process_too(
    new_database: DatabaseFactory, kafka_broker: Broker
) -> None:
    database = await new_database("portal")
    db = await connect(database.runtime_dsn, max_size=2)
    firm = await new_firm(db, 1, {})
    caller = await firm.principal(db)
    chosen = list(firm.companies.values())
    made = await deployment.propose(db, caller, chosen, ON, system_clock)
    await db.close()
    async with (
        started("portal", database, kafka_broker) as process,
        browser(process.url, firm) as client,
        client.stream("GET", f"/companies/portal/deployments/{made}/events") as stream,
    ):
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.aiter_lines()
        assert await anext(lines) == "retry: 2000"
        process.process.terminate()
        async for _ in lines:
            pass
        assert await process.ended(9) in (0, -15)


async def test_behind_https_cookies_are_bound_to_the_host(
    new_database: DatabaseFactory, kafka_broker: Broker
) -> None:
    async with portal_of(
        new_database, kafka_broker, secure_cookies=True, public_url="https://portal.example"
    ) as (client, _):
        answer = await client.get("/sign-in?lang=nl")
        (cookie,) = answer.headers.get_list("set-cookie")
        assert cookie.startswith("__Host-lang=nl; Path=/;")
        assert "Secure" in cookie
        assert "Domain" not in cookie
        assert answer.headers["strict-transport-security"].startswith("max-age=31536000")
        assert (await client.get("/companies")).headers["location"].startswith("/sign-in")


@pytest.mark.slow
async def test_ten_thousand_companies_are_listed_in_order_once_each(
    new_database: DatabaseFactory,
) -> None:
    database = await new_database("portal")
    db = await connect(database.runtime_dsn, max_size=2)
    firm = await new_firm(db, 0, {})
    await db.pool.execute(
        "INSERT INTO access.companies (company_id, kind, firm_id, name, country, state, version) "
        "SELECT gen_random_uuid(), 'company', $1, "
        "  (ARRAY['Église', 'eglantine', 'Zèbre', 'Atelier', 'Été'])[1 + n % 5] || ' ' || n / 10, 'BE', "
        "  jsonb_build_object('registration_number', lpad((400000000 + n)::text, 10, '0'), "
        "    'vat_number', 'BE' || lpad((400000000 + n)::text, 10, '0'), "
        "    'missing_legal_fields', CASE WHEN n % 100 = 0 THEN '[\"iban\"]'::jsonb ELSE '[]'::jsonb END), 1 "
        "FROM generate_series(1, 10000) n",
        firm.company_id,
    )
    await db.pool.execute("ANALYZE access.companies")
    seen: list[tuple[str, UUID]] = []
    after: UUID | None = None
    async with db.system_transaction() as conn:
        while True:
            page = await companies.page(conn, firm.company_id, CompanyFilter(), after, 100)
            if not page:
                break
            seen += [(line.name, line.company_id) for line in page]
            after = page[-1].company_id
        assert len({company for _, company in seen}) == len(seen) == 10_000
        order = [name.split()[0] for name, _ in seen]
        firsts = list(dict.fromkeys(order))
        assert firsts == ["Atelier", "eglantine", "Église", "Été", "Zèbre"]
        for text, state, count in (
            ("0400.000.123", "", 1), ("BE 0400.000.123", "", 1), ("eglise", "", 2000), ("ÉTÉ 99", "", 22),
            ("", "incomplete", 100), ("", "on", 0), ("", "not_subscribed", 10_000),
        ):  # fmt: skip
            wanted = CompanyFilter(text, state)  # type: ignore[arg-type]
            assert await companies.count(conn, firm.company_id, wanted) == count, (text, state)
        plan = await conn.fetch(
            "EXPLAIN SELECT company_id FROM firm_company WHERE firm_id = $1 "
            "ORDER BY sort_key, company_id LIMIT 26",
            firm.company_id,
        )
    assert any("companies_in_order" in row[0] for row in plan), plan
    await db.close()
