"""The dashboards' figures are those of the services that own the facts, and change by themselves."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from deploy.local.broker import Broker
from services.delivery.store import figures as figures_of
from shared.database import connect
from tests.conftest import DatabaseFactory
from tests.flow.test_issue_to_proof import customer, issue
from tests.integration.portal.conftest import Pages, pages_of
from tests.integration.portal.firm import rows
from tests.platform import Platform, platform
from tests.services import eventually

REFUSED = {"channel": "sftp", "password": "x",
           "settings": {"host": "127.0.0.1", "port": 1, "user": "facteur", "host_key":
           "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGm0zXfW1tqjFGvZ0yMZ0pDvTnBM4hG6mTk1Jq7WqP5j"}}  # fmt: skip
EMAIL = {"channel": "email", "settings": {"to": ["achats@comptoir.example"]}}
STATES = {"delivered": 1, "parked": 3, "exhausted": 4, "refused": 4, "undecided": 4}
"""In which column of the channel table a delivery's state is counted; else under way (2)."""
RETRIES = """
[waits]
email = [3600]
sftp = [3600]
ftps = [3600]
peppol = [3600]
[settle]
waits = [3600]
[breaker]
failures = 1
seconds = 3600
longest = 3600
"""


@pytest.fixture
async def running(
    new_database: DatabaseFactory, kafka_broker: Broker, tmp_path: Path
) -> AsyncIterator[Platform]:
    async with platform(new_database, kafka_broker, tmp_path) as found:
        yield found


async def counted(running: Platform) -> dict[str, list[int]]:
    """By channel, from delivery's own table: all, delivered, under way, parked, for a person."""
    db = await connect(running.databases["delivery"].runtime_dsn, max_size=1)
    async with db.system_transaction() as conn:
        found = await conn.fetch(
            "SELECT channel, CASE WHEN parked_at IS NOT NULL AND state IN ('due', 'unknown') "
            "THEN 'parked' ELSE state END AS state FROM delivery"
        )
    await db.close()
    table: dict[str, list[int]] = {}
    for row in found:
        line = table.setdefault(row["channel"], [0] * 5)
        line[0] += 1
        line[STATES.get(row["state"], 2)] += 1
    return table


def shown(page: str) -> dict[str, list[int]]:
    """The same from a dashboard's table."""
    names = {"E-mail": "email", "SFTP": "sftp"}
    found = {}
    for row in rows(page.partition("By channel")[2].partition("</table>")[0]):
        words = row.split()
        if words and words[0] in names and len(words) >= 6:
            found[names[words[0]]] = [int(w) for w in words[-5:]]
    return found


def documents(page: str) -> int:
    figure = re.search(r"<dt>Documents issued</dt><dd>(\d+)", page)
    return int(figure.group(1)) if figure else 0


async def test_the_figures_equal_the_databases(running: Platform) -> None:
    biller = await running.biller()
    client = await customer(biller, EMAIL, REFUSED)
    pages = await pages_of(running, biller)
    empty = (await pages.get("/dashboard")).text
    assert "Nothing to show" in empty
    async with running.worker("sftp"):
        for _ in range(3):
            await issue(biller, client)
        delivery_id = await planned(biller.at("delivery"))
        await biller.at("delivery").post(f"/v1/deliveries/{delivery_id}/cancel")

        async def equal() -> bool:
            page, owned = (await pages.get("/dashboard")).text, await counted(running)
            exhausted = owned.get("sftp", [0] * 5)[4]
            # what was cancelled is nobody's work any more
            wanted = {**owned, "email": [3, 0, 2, 0, 0]}
            return (shown(page), exhausted, documents(page)) == (wanted, 3, 3)

        await eventually(equal, 60, 0.2)


async def test_what_waits_for_its_peer_is_told_wherever_deliveries_are_and_counted(
    running: Platform, tmp_path: Path
) -> None:
    """The dashboard, the list, the timeline, the APIs and the figures say what delivery's table says."""
    schedule = tmp_path / "retries.toml"
    schedule.write_text(RETRIES)
    biller = await running.biller()
    client = await customer(biller, REFUSED)
    pages = await pages_of(running, biller)
    async with running.worker("sftp", retries_file=schedule, in_flight=1):
        invoices = [await issue(biller, client) for _ in range(4)]

        async def equal() -> bool:
            page, owned = (await pages.get("/dashboard")).text, await counted(running)
            return owned == {"sftp": [4, 0, 1, 3, 0]} == shown(page)

        await eventually(equal, 60, 0.2)
    delivery, billing = biller.at("delivery"), biller.at("billing")
    waiting = (await delivery.get("/v1/deliveries", params={"parked": "true"})).json()
    assert [d["parked"] for d in waiting] == [True] * 3
    assert len((await delivery.get("/v1/deliveries", params={"parked": "false"})).json()) == 1
    first, *_ = waiting
    for language, words in WAITING.items():
        listed = (await pages.get(f"/deliveries?state=parked&lang={language}")).text
        assert sum(words in row for row in rows(listed)) == 3
        told = (await pages.get(f"/invoices/{first['invoice_id']}?lang={language}")).text
        assert words in told
    assert "The recipient’s server isn’t working: on hold" in told

    async def known() -> bool:
        found = (await billing.get("/v1/invoices")).json()
        states = sorted(d["state"] for i in found for d in i["deliveries"])
        return states == ["parked", "parked", "parked", "retrying"]

    await eventually(known)
    assert len(invoices) == 4
    cancelled = await delivery.post(f"/v1/deliveries/{first['delivery_id']}/cancel")
    assert cancelled.status_code == 200

    async def two_left() -> bool:
        page, owned = (await pages.get("/dashboard")).text, await counted(running)
        return owned["sftp"][3] == 2 and shown(page)["sftp"] == [4, 0, 1, 2, 0]

    await eventually(two_left)
    db = await connect(running.databases["delivery"].runtime_dsn, max_size=1)
    async with db.system_transaction() as conn:
        assert await figures_of.parked(conn) == {"sftp": 2}
    await db.close()


WAITING = {
    "fr": "En attente du destinataire",
    "nl": "Wacht op de ontvanger",
    "en": "Waiting for the recipient",
}


async def planned(api: httpx.AsyncClient) -> str:
    async def all_of_them() -> str | None:
        found = (await api.get("/v1/deliveries")).json()
        mails = [d for d in found if d["channel"] == "email"]
        return str(mails[0]["delivery_id"]) if len(mails) == 3 else None

    delivery_id: str = await eventually(all_of_them)
    return delivery_id


async def test_an_open_dashboard_hears_of_a_new_document_and_a_firm_of_its_companies(
    running: Platform,
) -> None:
    firm = await running.firm()
    company = await running.company(firm)
    email = await running.user(firm, company)
    overview = await pages_of(running, firm)

    async def listed() -> bool:
        return ">1<" in (await overview.get("/companies/overview")).text

    await eventually(listed)
    assert figures(await text(overview)) == [1, 0, 0, 0]
    await running.subscribe(company, "invoicing")
    await running.switch_on(firm, company, "Gérant")

    async def switched_on() -> bool:
        return figures(await text(overview)) == [1, 1, 0, 0]

    await eventually(switched_on)
    biller = await running.person(email)

    async def allowed() -> bool:
        answers = [await biller.at(s).get(p) for s, p in
                   (("billing", "/v1/customers"), ("delivery", "/v1/deliveries"))]  # fmt: skip
        return all(a.status_code == 200 for a in answers)

    await eventually(allowed)
    client = await customer(biller, EMAIL)
    pages = await pages_of(running, biller)
    for who, path in ((pages, "/dashboard/events"), (overview, "/companies/overview/events")):
        page = (await who.get(path.removesuffix("/events"))).text
        pulse = re.search(rf'{path}\?seen=(\d+)"', page)
        at = pulse.group(1) if pulse else "0"
        async with (
            asyncio.timeout(30),
            who.client.stream("GET", f"{path}?seen={at}") as stream,
        ):
            await issue(biller, client)
            async for line in stream.aiter_lines():
                if line == "event: changed":
                    break
    assert documents(await text(overview)) >= 1


async def text(pages: Pages) -> str:
    return (await pages.get("/companies/overview")).text


def figures(page: str) -> list[int]:
    """Companies, with facturation, ready, incomplete."""
    return [int(n) for n in re.findall(r'<dd>(\d+)<small><a href="/companies\?state', page)]
