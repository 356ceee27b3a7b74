"""The table of actions: filtered, paged, exported as it is shown, in little memory; a chain whose
break is located."""

import asyncio
import csv
import io
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import psutil
import pytest

from deploy.local.broker import Broker
from deploy.local.postgres import ServiceDatabase
from services.portal.app import create_app
from services.portal.audit import check_chain, record_actions, verify_chain
from services.portal.domain.checkpoints import Checkpoints
from services.portal.settings import PortalSettings
from shared.access.projection import project_membership, project_profile
from shared.clock import system_clock
from shared.contracts.billing import DraftEdited, ProductChanged, SeriesStarted
from shared.contracts.identity import ActionRecorded, MembershipChanged, ProfileChanged
from shared.database import Database, connect
from shared.events import Actor, Envelope, Event
from tests.conftest import DatabaseFactory
from tests.integration.alone import started
from tests.integration.portal.firm import Firm, browser, new_firm, rows
from tests.services import kafka_settings, served

BEGAN = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)


def happened(event: Event, actor: str, hours: int, origin: str = "203.0.113.0/24") -> Envelope:
    return Envelope(
        uuid4(), event.topic, 1, str(event.key), BEGAN + timedelta(hours=hours), "/facteur/test", 1,
        Actor.parse(actor), None, None, None, origin,
    )  # fmt: skip


async def recorded(db: Database, firm: Firm, company: UUID, count: int) -> None:
    """Drafts by the firm's person, one an hour; every tenth thing is a series by the system."""
    heard: list[tuple[Event, Envelope]] = []
    for n in range(count):
        if n % 10 == 9:
            series = SeriesStarted(
                series_id=uuid4(), company_id=company, prefix=f"=F{n}-", last_number=n
            )
            heard.append((series, happened(series, "system:billing", n, "")))
            continue
        draft = DraftEdited(
            draft_id=uuid4(), company_id=company, customer_id=uuid4(), document_kind="invoice",
            change="written",
        )  # fmt: skip
        heard.append((draft, happened(draft, f"user:{firm.user_id}", n)))
    async with db.system_transaction() as conn:
        await record_actions(conn, heard)


@asynccontextmanager
async def pages(
    database: ServiceDatabase, broker: Broker, firm: Firm
) -> AsyncIterator[httpx.AsyncClient]:
    settings = PortalSettings(database_url=database.runtime_dsn)
    async with (
        served(create_app(settings, kafka_settings(broker))) as client,
        browser(str(client.base_url), firm) as found,
    ):
        yield found


def lines_of(answer: httpx.Response) -> list[list[str]]:
    assert answer.status_code == 200, answer.text
    text = answer.content.decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text), delimiter=";"))[1:]


async def every_row(client: httpx.AsyncClient, path: str) -> list[str]:
    """Of all pages of the table, by following its links."""
    found: list[str] = []
    while True:
        page = (await client.get(path)).text
        found += rows(page)
        onward = re.search(r'<a class="btn" href="(/audit\?[^"]*before=\d+)"', page)
        if onward is None:
            return found
        path = onward.group(1).replace("&amp;", "&")


async def test_what_is_shown_is_what_is_exported_by_every_filter(
    new_database: DatabaseFactory, kafka_broker: Broker
) -> None:
    database = await new_database("portal")
    db = await connect(database.runtime_dsn, max_size=2)
    firm = await new_firm(db, 2, {})
    first, second = firm.companies.values()
    await recorded(db, firm, first, 120)
    await recorded(db, firm, second, 30)
    async with pages(database, kafka_broker, firm) as client:
        for query, count in (
            ("", 150),
            (f"company={first}", 120),
            (f"person=user:{firm.user_id}", 135),
            ("action=series.started", 15),
            (f"company={first}&start=2026-11-03&end=2026-11-03", 24),
            (f"company={second}&action=draft.edited&person=user:{firm.user_id}", 27),
            ("document=F-1", 0),
        ):
            shown = await every_row(client, f"/audit?{query}")
            exported = lines_of(await client.get(f"/audit/export.csv?{query}"))
            assert (len(shown), len(exported)) == (count, count), query
            said = f"{count} actions" if count else "No actions"
            assert said in (await client.get(f"/audit?{query}&lang=en")).text, query
            assert [r.split()[0] for r in shown] == [line[0] for line in exported], query
            book = (await client.get(f"/audit/export.xlsx?{query}")).content
            sheet = zipfile.ZipFile(io.BytesIO(book)).read("xl/worksheets/sheet1.xml")
            assert sheet.count(b"<row ") == count + 1, query
        line = lines_of(await client.get("/audit/export.csv?action=series.started"))[0]
        assert line[5].startswith("'=F")  # a cell that begins as a formula is text
        draft = lines_of(await client.get(f"/audit/export.csv?company={first}"))[-1]
        assert draft[2:5] == ["Odile Martin", "Company 0001", "Draft"]
        assert draft[6] == "203.0.113.0/24"
        wrong = await client.get("/audit?start=2026-11-05&end=2026-11-01")
        assert (wrong.status_code, "end" in wrong.text) == (422, True)
    await db.close()


async def test_only_auditors_look_and_only_at_their_own(
    new_database: DatabaseFactory, kafka_broker: Broker
) -> None:
    database = await new_database("portal")
    db = await connect(database.runtime_dsn, max_size=2)
    firm, other = await new_firm(db, 1, {}), await new_firm(db, 1, {})
    (company,) = other.companies.values()
    await recorded(db, other, company, 20)
    async with pages(database, kafka_broker, firm) as client:
        assert rows((await client.get("/audit")).text) == []
        for path in ("/audit", "/audit/export.csv", "/audit/export.xlsx"):
            assert (await client.get(f"{path}?company={company}")).status_code == 404
        async with db.system_transaction() as conn:
            await firm.has(conn, ("mass_deployment",), 2)
        assert 'href="/audit"' not in (await client.get("/companies")).text
        for path in ("/audit", "/audit/export.csv", "/audit/export.xlsx"):
            assert (await client.get(path)).status_code == 403
    await db.close()


def membership(firm: Firm, company: UUID, **changes: Any) -> MembershipChanged:
    state = {
        "membership_id": MEMBERSHIP, "user_id": firm.user_id, "company_id": company, "role": "employee",
        "kind": "internal", "profile_id": None, "rights": [], "apps": ["invoices"], "active": True,
        "email": "luc@a.example", "first_name": "Luc", "last_name": "Petit", "language": "fr",
    }  # fmt: skip
    return MembershipChanged.model_validate({**state, **changes})


MEMBERSHIP = uuid4()


async def test_the_journal_says_what_became_of_a_user(
    new_database: DatabaseFactory, kafka_broker: Broker
) -> None:
    """Also where events come in several batches; in the reader's language, on screen and in the file."""
    database = await new_database("portal")
    db = await connect(database.runtime_dsn, max_size=2)
    firm = await new_firm(db, 1, {})
    (company,) = firm.companies.values()
    gone: dict[str, Any] = {"role": "owner", "rights": ["audit"], "active": False}
    steps = [
        {},
        {"role": "owner", "rights": ["audit"]},
        gone,
        {**gone, "email": "", "first_name": ""},
    ]
    events = [membership(firm, company, **step) for step in steps]
    actor = f"user:{firm.user_id}"
    heard = [(event, happened(event, actor, n)) for n, event in enumerate(events)]
    for batch in (heard[:2], heard[2:]):
        async with db.system_transaction() as conn:
            await record_actions(conn, batch)
    assert await verify_chain(db) == []
    async with pages(database, kafka_broker, firm) as client:
        shown = " ".join((await client.get("/audit?lang=fr")).text.split())
        for said in (
            "ajouté",
            "rôle (Employé → Propriétaire) · droits (+ Journal des actions)",
            "accès retiré",
            "données effacées",
        ):
            assert f"Utilisateur ou droits modifiés · {said}<" in shown, said
        details = [line[7] for line in lines_of(await client.get("/audit/export.csv"))]
    assert "Changements: données effacées" in details[0]
    assert "Rôle: Employé" in details[3]
    assert (
        "Changements: rôle (Employé → Propriétaire); droits (+ Journal des actions)" in details[2]
    )
    assert not any("was" in detail for detail in details)
    assert "Actif: oui" in details[3]
    await db.close()


def profile(firm: Firm, company: UUID, **changes: Any) -> ProfileChanged:
    state = {"profile_id": PROFILE, "company_id": company, "name": "Gérant", "rights": ["invoicing"],
             "active": True}  # fmt: skip
    return ProfileChanged.model_validate({**state, **changes})


PROFILE = uuid4()


async def test_the_journal_says_what_became_of_a_profile_of_a_switch_and_of_whom(
    new_database: DatabaseFactory, kafka_broker: Broker
) -> None:
    """By names, from what to what; what was recorded before that was kept is told as far as it goes."""
    database = await new_database("portal")
    db = await connect(database.runtime_dsn, max_size=2)
    firm = await new_firm(db, 1, {})
    (company,) = firm.companies.values()
    named = {"name": "Chef", "rights": ["invoicing", "audit"]}
    action = {
        "action_id": uuid4(),
        "company_id": company,
        "user_id": firm.user_id,
        "action": "privacy_changed",
    }
    events: list[Event] = [
        profile(firm, company),
        profile(firm, company, **named),
        profile(firm, company, **named, active=False),
        membership(firm, company, profile_id=None),
        membership(firm, company, profile_id=PROFILE, second_factor_due=True),
        ActionRecorded.model_validate({**action, "detail": "support=True two_factor=False"}),
        ActionRecorded.model_validate({
            **action, "switches": {"support_access": False}, "switches_before": {"support_access": True},
        }),
        ProductChanged(product_id=uuid4(), company_id=company, name="Bière brune", description=None,
                       number="B-1", unit="C62", price=Decimal(5), vat_category="S", vat_rate=Decimal(21),
                       active=True),
    ]  # fmt: skip
    heard = [(e, happened(e, f"user:{firm.user_id}", n)) for n, e in enumerate(events)]
    async with db.system_transaction() as conn:
        for n, (event, each) in enumerate(heard):
            envelope = replace(each, aggregate_version=n + 1)
            if isinstance(event, ProfileChanged):
                await project_profile(conn, event, envelope)
            elif isinstance(event, MembershipChanged):
                await project_membership(conn, event, envelope)
        for batch in (heard[:1], heard[1:4], heard[4:]):
            await record_actions(conn, batch)
    said = {
        "fr": (
            "Profil modifié · créé", "nom (Gérant → Chef) · droits (+ Journal des actions)",
            "Profil modifié · supprimé", "profil (aucun → Chef)", "deuxième facteur à activer (non → oui)",
            "accès du personnel d’assistance (oui) · authentification à deux facteurs obligatoire (non)",
            "Paramètres GDPR modifiés · accès du personnel d’assistance (oui → non)",
        ),
        "nl": ("naam (Gérant → Chef)", "profiel (geen → Chef)", "toegang voor ondersteunend personeel (ja → nee)"),
        "en": ("name (Gérant → Chef)", "profile (none → Chef)", "access for support (yes → no)"),
    }  # fmt: skip
    async with pages(database, kafka_broker, firm) as client:
        for language, words in said.items():
            page = (await client.get(f"/audit?lang={language}")).text
            assert [w for w in words if w not in " ".join(page.split())] == [], language
        about = [re.findall(r'data-label="About">([^<]*)<', page)][0]
        assert about == [
            "Bière brune",
            "—",
            "—",
            "Luc Petit",
            "Luc Petit",
            "Chef",
            "Chef",
            "Gérant",
        ]
        lines = lines_of(await client.get("/audit/export.csv?lang=fr"))
    assert [line[5] for line in lines][3:] == about[3:]
    assert "Changements: accès du personnel d’assistance (oui → non)" in lines[1][7]
    assert not any("switches" in line[7] or "support=" in line[7] for line in lines)
    await db.close()


TAMPERINGS = {
    "a row changed": ("UPDATE audit SET origin = '' WHERE position = 7", 7),
    "a row removed": ("DELETE FROM audit WHERE position = 7", 7),
    "rows exchanged": (
        (
            "UPDATE audit SET position = -position WHERE position IN (7, 8); "
            "UPDATE audit SET position = 15 + position WHERE position < 0"
        ),
        7,
    ),
    "the end cut off": ("DELETE FROM audit WHERE position > 12", 13),
}


@pytest.mark.parametrize("what", TAMPERINGS)
async def test_verify_names_the_row(
    new_database: DatabaseFactory, kafka_broker: Broker, what: str
) -> None:
    """By `facteur audit verify`, as an operator runs it, and on the page."""
    database = await new_database("portal")
    db = await connect(database.runtime_dsn, max_size=2)
    firm = await new_firm(db, 1, {})
    (company,) = firm.companies.values()
    await recorded(db, firm, company, 20)
    assert await verify_chain(db) == []
    statement, position = TAMPERINGS[what]
    owner = await asyncpg.connect(database.owner_dsn)
    await owner.execute(statement)
    await owner.close()
    ran = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "deploy.cli.main", "audit", "verify"],
        env={**os.environ, "PORTAL_DATABASE_URL": database.runtime_dsn},
        cwd=Path(__file__).parents[3], capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == 1
    assert ran.stdout.startswith(f"entry {position}: "), ran.stdout
    await check_chain(db, system_clock, Checkpoints(trouble="key"))
    async with pages(database, kafka_broker, firm) as client:
        assert f"Entry {position}:" in (await client.get("/audit?lang=en")).text
        said = re.search(rf"Regel {position}: ([^<]+)<", (await client.get("/audit?lang=nl")).text)
        assert said is not None
        assert "regel" in said.group(1) or "logboek" in said.group(1)
    await db.close()


MANY = 100_000


async def fetched(client: httpx.AsyncClient, path: str) -> int:
    """How many bytes there are at that address; none of them is kept."""
    async with client.stream("GET", path) as answer:
        assert answer.status_code == 200
        return sum([len(part) async for part in answer.aiter_bytes()])


@pytest.mark.slow
async def test_a_hundred_thousand_rows_take_less_than_a_hundred_megabytes_more(
    new_database: DatabaseFactory, kafka_broker: Broker
) -> None:
    database = await new_database("portal")
    db = await connect(database.runtime_dsn, max_size=2)
    firm = await new_firm(db, 1, {})
    (company,) = firm.companies.values()
    await db.pool.execute(
        "INSERT INTO audit (position, event_id, happened_at, company_id, actor, action, subject, trace_id, "
        "detail, hash, origin) SELECT n, gen_random_uuid(), now(), $1, $2, 'draft.edited', "
        "gen_random_uuid()::text, md5(n::text), jsonb_build_object('change', 'edited', 'note', repeat('x', 200)), "
        "'\\x00', '203.0.113.0/24' FROM generate_series(1, $3::int) n",
        company,
        f"user:{firm.user_id}",
        MANY,
    )
    async with started("portal", database, kafka_broker) as process:
        served_by = psutil.Process(process.process.pid)
        async with browser(process.url, firm) as client:
            client.timeout = httpx.Timeout(300)
            assert len(rows((await client.get("/audit")).text)) == 50
            before = served_by.memory_info().rss
            for name, least in (("csv", 30_000_000), ("xlsx", 3_000_000)):
                fetching = asyncio.create_task(fetched(client, f"/audit/export.{name}"))
                peak = 0
                while not fetching.done():
                    peak = max(peak, served_by.memory_info().rss - before)
                    await asyncio.sleep(0.05)
                assert await fetching > least, name
                assert peak < 100 * 1024 * 1024, (name, peak)
    await db.close()
