"""Facturation for hundreds of companies at once: foreseen, confirmed, worked off whatever dies, told
company by company, and tried again for the refused alone."""

import csv
import io
import re
from collections import Counter
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest

from deploy.local.broker import Broker
from services.portal.app import create_app
from services.portal.commands import deployment
from services.portal.domain.deployment import Order
from services.portal.domain.errors import NoMassDeployment, StalePreview
from services.portal.settings import PortalSettings
from services.portal.store import deployments
from shared.clock import system_clock
from shared.database import Connection, Database, connect
from shared.problems import NotFound
from tests.conftest import DatabaseFactory
from tests.integration.alone import started
from tests.integration.portal.firm import Firm, browser, new_firm, press, rows
from tests.services import eventually, kafka_settings, served

MISSING = {7: ("vat_number",), 250: ("address.city", "legal_form"), 500: ("registration_number",)}
ON = Order(True, frozenset({"Gérant"}))


@pytest.fixture
async def db(new_database: DatabaseFactory) -> AsyncIterator[Database]:
    database = await new_database("portal")
    opened = await connect(database.runtime_dsn)
    opened.dsn = database.runtime_dsn  # type: ignore[attr-defined]
    yield opened
    await opened.close()


async def told(db: Database) -> Counter[tuple[str, UUID]]:
    """Topic and company of everything in the outbox about facturation."""
    found = await db.pool.fetch("SELECT topic, key FROM outbox WHERE topic LIKE 'billing.%'")
    return Counter((r["topic"], UUID(r["key"])) for r in found)


async def gerant(conn: Connection, company: UUID) -> UUID:
    """The profile of that name in a company."""
    found: UUID = await conn.fetchval(
        "SELECT profile_id FROM access.profiles WHERE company_id = $1 AND name = 'Gérant'", company
    )
    return found


async def finished(db: Database, firm: Firm, made: UUID) -> deployment.Deployment:
    caller = await firm.principal(db)

    async def over() -> deployment.Deployment | None:
        found = await deployment.look(db, caller, made)
        return found if found.row.ended_at else None

    done: deployment.Deployment = await eventually(over)
    return done


async def test_of_500_companies_497_are_enabled_and_3_listed_with_their_reasons(
    db: Database, kafka_broker: Broker
) -> None:
    firm = await new_firm(db, 500, MISSING)
    settings = PortalSettings(database_url=db.dsn)  # type: ignore[attr-defined]
    async with (
        served(create_app(settings, kafka_settings(kafka_broker))) as client,
        browser(str(client.base_url), firm) as admin,
    ):
        proposed = await press(
            admin, firm, "/companies/portal/warning", all="1", enabled="on", profile="Gérant"
        )
        assert proposed.status_code == 303, proposed.text
        path = proposed.headers["location"]
        warning = (await admin.get(path)).text
        assert "Confirm for 497 companies" in warning
        assert len(rows(warning)) == 50
        refused = rows((await admin.get(f"{path}?state=refused")).text)
        assert [r.split(" Refused ")[0] for r in refused] == [f"Company {n:04}" for n in MISSING]
        assert await told(db) == {}
        for _ in range(2):  # a double click
            assert (await press(admin, firm, f"{path}/confirm")).status_code == 303
        done = await finished(db, firm, UUID(path.rpartition("/")[2]))
        assert (done.came("enabled"), done.came("refused"), done.settled) == (497, 3, 500)
        expected = {c for n, c in enumerate(firm.companies.values(), 1) if n not in MISSING}
        assert await told(db) == {("billing.enabled", c): 1 for c in expected}
        listed = rows((await admin.get(f"{path}?state=refused")).text)
        assert len(listed) == 3
        assert "City" in listed[1]
        assert "Legal form" in listed[1]
        sheet = (await admin.get(f"{path}/results.csv")).content.decode("utf-8-sig")
        lines = list(csv.reader(io.StringIO(sheet), delimiter=";"))
        assert Counter(line[2] for line in lines[1:]) == {"Switched on": 497, "Refused": 3}
        assert lines[7][4] == "VAT number"
        assert all(re.fullmatch(r"\d\d/\d\d/\d{4} \d\d:\d\d:\d\d", x[5]) for x in lines[1:])


async def test_a_second_click_that_comes_late_changes_nothing(db: Database) -> None:
    """All is done by then, and no longer as the warning showed it: that is no reason to refuse."""
    firm = await new_firm(db, 3, {})
    caller, chosen = await firm.principal(db), list(firm.companies.values())
    made = await deployment.propose(db, caller, chosen, ON, system_clock)
    await deployment.confirm(db, caller, made, system_clock)
    assert await deployment.work_off(db, system_clock) == 3
    done = (await deployment.look(db, caller, made)).row
    await deployment.confirm(db, caller, made, system_clock)
    assert (await deployment.look(db, caller, made)).row == done
    assert await deployment.work_off(db, system_clock) == 0
    assert Counter((await told(db)).values()) == {1: 3}


async def test_the_refused_are_tried_again_and_nobody_else(db: Database) -> None:
    firm = await new_firm(db, 6, {2: ("vat_number",), 5: ("vat_number",)})
    caller, chosen = await firm.principal(db), list(firm.companies.values())
    first = await deployment.propose(db, caller, chosen, ON, system_clock)
    await deployment.confirm(db, caller, first, system_clock)
    assert await deployment.work_off(db, system_clock) == 6
    async with db.system_transaction() as conn:
        await firm.state(conn, "Company 0002", (), version=2)
    again = await deployment.retry(db, caller, first, system_clock)
    await deployment.confirm(db, caller, again, system_clock)
    assert await deployment.work_off(db, system_clock) == 2
    found = await deployment.look(db, caller, again)
    assert (found.came("enabled"), found.came("refused"), found.row.retry_of) == (1, 1, first)
    assert max((await told(db)).values()) == 1
    assert len(await told(db)) == 5


async def test_a_kill_in_the_middle_leaves_nothing_half_and_nothing_twice(
    new_database: DatabaseFactory, kafka_broker: Broker
) -> None:
    """Killed before a commit, then after one; a later start ends it by itself."""
    database = await new_database("portal")
    db = await connect(database.runtime_dsn, max_size=3)
    firm = await new_firm(db, 500, MISSING)
    caller = await firm.principal(db)
    made = await deployment.propose(db, caller, list(firm.companies.values()), ON, system_clock)
    await deployment.confirm(db, caller, made, system_clock)
    settled = []
    for place in ("deployment.before_commit:2", "deployment.after_commit:1"):
        async with started("portal", database, kafka_broker, FACTEUR_FAILPOINT=place) as process:
            assert await process.ended() == -9
        found = await deployment.look(db, caller, made)
        settled.append(found.settled)
        assert sum((await told(db)).values()) == found.came("enabled")
        assert found.row.ended_at is None
    assert settled == [200, 400]
    async with started("portal", database, kafka_broker):
        done = await finished(db, firm, made)
    assert (done.came("enabled"), done.came("refused")) == (497, 3)
    events = await told(db)
    assert len(events) == 497
    assert set(events.values()) == {1}
    await db.close()


async def test_two_processes_share_a_deployment_and_settle_each_company_once(db: Database) -> None:
    import asyncio

    firm = await new_firm(db, 450, {})
    caller, chosen = await firm.principal(db), list(firm.companies.values())
    made = await deployment.propose(db, caller, chosen, ON, system_clock)
    await deployment.confirm(db, caller, made, system_clock)
    rounds = [await asyncio.gather(*(deployment.work_off(db, system_clock) for _ in range(2)))]
    while any(rounds[-1]):
        rounds.append(
            await asyncio.gather(*(deployment.work_off(db, system_clock) for _ in range(2)))
        )
    assert sum(map(sum, rounds)) == 450
    assert all(rounds[0])
    assert (await deployment.look(db, caller, made)).row.ended_at is not None
    assert Counter((await told(db)).values()) == {1: 450}


async def test_a_stale_warning_is_refused_and_shown_anew(
    db: Database, kafka_broker: Broker
) -> None:
    firm = await new_firm(db, 3, {})
    settings = PortalSettings(database_url=db.dsn)  # type: ignore[attr-defined]
    async with (
        served(create_app(settings, kafka_settings(kafka_broker))) as client,
        browser(str(client.base_url), firm) as admin,
    ):
        wanted = {"all": "1", "enabled": "on", "profile": "Gérant"}
        path = (await press(admin, firm, "/companies/portal/warning", **wanted)).headers["location"]
        async with db.system_transaction() as conn:
            profile = await gerant(conn, firm.companies["Company 0002"])
            await firm.user(conn, firm.companies["Company 0002"], profile, "new@example.org")
        refused = await press(admin, firm, f"{path}/confirm")
        assert refused.status_code == 409
        assert "new@example.org" in refused.text
        assert await told(db) == {}
        fresh = refused.text.partition('action="/companies/portal/deployments/')[2][:36]
        confirmed = await press(admin, firm, f"/companies/portal/deployments/{fresh}/confirm")
        assert confirmed.status_code == 303
        assert (await finished(db, firm, UUID(fresh))).came("enabled") == 3
        assert (await admin.get(path)).status_code == 404


async def test_what_changes_after_the_confirmation_is_refused_for_that_company_alone(
    db: Database,
) -> None:
    firm = await new_firm(db, 3, {})
    caller, chosen = await firm.principal(db), list(firm.companies.values())
    made = await deployment.propose(db, caller, chosen, ON, system_clock)
    await deployment.confirm(db, caller, made, system_clock)
    async with db.system_transaction() as conn:
        # somebody else would gain access, whom the warning didn't name
        profile = await gerant(conn, firm.companies["Company 0002"])
        await firm.user(conn, firm.companies["Company 0002"], profile, "new@example.org")
    await deployment.work_off(db, system_clock)
    found = await deployment.look(db, caller, made)
    assert (found.came("enabled"), found.came("refused")) == (2, 1)
    async with db.system_transaction() as conn:
        refused = await deployments.items(conn, made, "refused", 0, 10)
    assert [(i.name, i.reason) for i in refused] == [("Company 0002", "stale-preview")]
    assert ("billing.enabled", firm.companies["Company 0002"]) not in await told(db)


async def test_the_rest_is_refused_once_the_right_is_gone(db: Database) -> None:
    firm = await new_firm(db, 3, {})
    caller, chosen = await firm.principal(db), list(firm.companies.values())
    made = await deployment.propose(db, caller, chosen, ON, system_clock)
    await deployment.confirm(db, caller, made, system_clock)
    async with db.system_transaction() as conn:
        await firm.has(conn, ("audit",), 2)
    await deployment.work_off(db, system_clock)
    assert (await deployment.look(db, caller, made)).came("refused") == 3
    assert await told(db) == {}
    without = await firm.principal(db)
    for attempt in (
        deployment.propose(db, without, chosen, ON, system_clock),
        deployment.confirm(db, without, made, system_clock),
        deployment.look(db, without, made),
        deployment.retry(db, without, made, system_clock),
        deployment.select(db, without, chosen, None),
    ):
        with pytest.raises(NoMassDeployment):
            await attempt


async def test_another_firm_s_deployment_and_companies_are_not_found(db: Database) -> None:
    firm, stranger = await new_firm(db, 2, {}), await new_firm(db, 1, {})
    caller, other = await firm.principal(db), await stranger.principal(db)
    chosen = list(firm.companies.values())
    made = await deployment.propose(db, caller, chosen, ON, system_clock)
    for attempt in (
        deployment.look(db, other, made),
        deployment.confirm(db, other, made, system_clock),
        deployment.renewed(db, other, made, system_clock),
        deployment.select(db, other, chosen, None),
    ):
        with pytest.raises(NotFound):
            await attempt
    with pytest.raises(NotFound):
        await deployment.select(db, caller, [*chosen, uuid4()], None)


async def test_later_orders_change_and_switch_off_and_say_what_is_unchanged(db: Database) -> None:
    firm = await new_firm(db, 3, {})
    caller, chosen = await firm.principal(db), list(firm.companies.values())
    orders = (
        ON,
        ON,
        Order(True, frozenset({"Assistant"})),
        Order(True, frozenset({"Nobody"})),
        Order(False, frozenset()),
    )
    came = []
    for order in orders:
        made = await deployment.propose(db, caller, chosen, order, system_clock)
        await deployment.confirm(db, caller, made, system_clock)
        await deployment.work_off(db, system_clock)
        found = await deployment.look(db, caller, made)
        came.append({c.outcome for c in found.counts})
    assert came == [{"enabled"}, {"unchanged"}, {"changed"}, {"refused"}, {"disabled"}]
    topics = Counter(topic for topic, _ in (await told(db)).elements())
    assert topics == {"billing.enabled": 3, "billing.access_changed": 3, "billing.disabled": 3}
    versions = await db.pool.fetch(
        "SELECT key, array_agg(headers->>'ce_aggregateversion' ORDER BY position) AS v FROM outbox GROUP BY key"
    )
    assert {tuple(r["v"]) for r in versions} == {("1", "2", "3")}


async def test_a_second_order_that_was_proposed_before_the_first_ran_is_stale(db: Database) -> None:
    firm = await new_firm(db, 2, {})
    caller, chosen = await firm.principal(db), list(firm.companies.values())
    first, second = [
        await deployment.propose(db, caller, chosen, ON, system_clock) for _ in range(2)
    ]
    await deployment.confirm(db, caller, first, system_clock)
    await deployment.work_off(db, system_clock)
    with pytest.raises(StalePreview):
        await deployment.confirm(db, caller, second, system_clock)
