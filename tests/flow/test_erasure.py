"""Erasing a person (S6): afterwards nothing in any database says who it was; what the law keeps stays."""

import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from aiokafka import AIOKafkaConsumer

from deploy.local.broker import Broker
from services.identity.store import mail, registrations
from services.identity.store.mail import MailRow
from services.identity.store.registrations import RegistrationRow
from services.portal.audit import verify_chain
from shared.database import connect
from tests.conftest import DatabaseFactory
from tests.flow.test_people_access import firm_of, owner_of
from tests.platform import BUYER, LINE, PASSWORD, Person, Platform, platform
from tests.services import eventually

SERVICES = ("identity", "portal", "billing", "delivery")
FIRST, LAST = "Zéphyrine", "Quatrefages"
ADDRESS = "198.51.100.77"


@pytest.fixture
async def running(
    new_database: DatabaseFactory, kafka_broker: Broker, tmp_path: Path
) -> AsyncIterator[Platform]:
    async with platform(new_database, kafka_broker, tmp_path) as found:
        yield found


async def everything_in(running: Platform, service: str) -> dict[str, str]:
    """Every table of a service's database, as text; what is bytes as text too, where it is any."""
    conn = await asyncpg.connect(running.databases[service].owner_dsn)
    await conn.execute("SELECT set_config('app.company_id', '*', false)")
    found = {}
    tables = await conn.fetch(
        "SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables "
        "WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')"
    )
    for table in tables:
        rows = await conn.fetch(f"SELECT * FROM {table['name']}")  # noqa: S608 — a name of the catalogue
        found[table["name"]] = "\n".join(_text(v) for row in rows for v in row.values())
    await conn.close()
    return found


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def traces(tables: dict[str, str], *words: str) -> set[tuple[str, str]]:
    """Which tables hold which of the words; JSON may spell é otherwise."""
    spellings = {(w, s) for w in words for s in (w.lower(), json.dumps(w)[1:-1].lower())}
    return {(table, w) for table, text in tables.items() for w, s in spellings if s in text.lower()}


async def member(running: Platform, biller: Person) -> tuple[str, str]:
    """An employee with a remarkable name: e-mail and id."""
    firm = (await firm_of(running, biller)).at("identity")
    company = f"/v1/companies/{biller.company_id}"
    email = f"zephyrine.{biller.company_id.hex}@example.org"
    profiles = (await firm.get(f"{company}/profiles")).json()
    profile = next(p["profile_id"] for p in profiles if p["name"] == "Gérant")
    made = await firm.post(f"{company}/users", json={
        "email": email, "first_name": FIRST, "last_name": LAST, "role": "employee",
        "profile_id": profile, "apps": ["invoices"],
    })  # fmt: skip
    secret = {"secret": made.json()["invitation"], "password": PASSWORD}
    assert (await firm.post("/v1/invitations/accept", json=secret)).status_code == 204
    return email, made.json()["user_id"]


async def invoice_of(person: Person) -> dict[str, Any]:
    """An invoice that the person has issued."""
    customer, draft = str(uuid4()), str(uuid4())
    ways = [{"channel": "email", "settings": {"to": ["achats@acheteur.example"]}}]
    content = {"due_date": "2027-01-31", "lines": [LINE], "buyer_reference": "PO 7"}
    written = {"draft_id": draft, "customer_id": customer, "content": content}
    for service, method, path, body in (
        ("delivery", "PUT", f"/v1/receptions/{customer}", {"ways": ways}),
        ("billing", "PUT", f"/v1/customers/{customer}", BUYER),
        ("billing", "POST", "/v1/drafts", written),
        ("billing", "POST", f"/v1/drafts/{draft}/issue", None),
    ):
        answer = await person.at(service).request(method, path, json=body)
        assert answer.status_code < 300, answer.text
    issued: dict[str, Any] = answer.json()
    return issued


async def leave_traces(running: Platform, email: str) -> None:
    """What else is kept by an address: a sign-up, a letter, a wrong password, others' invitation."""
    db = await connect(running.databases["identity"].runtime_dsn, max_size=1)
    now = datetime.now(UTC)
    async with db.system_transaction() as conn:
        row = RegistrationRow(uuid4(), email, b"sealed", now + timedelta(days=1))
        await registrations.keep(conn, row, b"hash", now)
        letter = MailRow(uuid4(), email.upper(), f"{FIRST}, votre lien", b"", 0)
        await mail.add(conn, letter, now + timedelta(days=1))
    await db.close()
    stranger = await running.firm()
    invited = {"email": email, "first_name": FIRST, "last_name": LAST, "role": "employee"}
    path = f"/v1/companies/{stranger.company_id}/users"
    made = await stranger.at("identity").post(path, json=invited)
    assert made.status_code == 201, made.text


async def told_last(broker: Broker) -> dict[bytes, bytes]:
    """What compaction leaves of `membership.changed`: by key the newest."""
    consumer = AIOKafkaConsumer(
        "membership.changed", bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        ends = await consumer.end_offsets(list(consumer.assignment()))
        last: dict[bytes, bytes] = {}
        while any([await consumer.position(p) < end for p, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                last |= {r.key: r.value for r in records}
        return last
    finally:
        await consumer.stop()


async def test_an_erased_person_is_in_no_table_of_any_service(
    running: Platform, kafka_broker: Broker
) -> None:
    biller = await running.biller()
    email, user_id = await member(running, biller)
    person = await running.person(email, biller.company_id)
    issued = await invoice_of(person)
    await leave_traces(running, email)
    exported = (await person.at("identity").get("/v1/me/data")).json()
    assert exported["user"]["email"] == email
    assert [i["first_name"] for i in exported["invitations"]] == [FIRST]
    assert [letter["subject"] for letter in exported["letters"]] == [f"{FIRST}, votre lien"]
    assert len(exported["sessions"]) == len(exported["known_addresses"]) == 1

    async def known_everywhere() -> bool:
        return all([
            traces(await everything_in(running, service), LAST) for service in SERVICES
        ])  # fmt: skip

    await eventually(known_everywhere)
    owner = await owner_of(running, biller)
    user = f"/v1/companies/{biller.company_id}/users/{user_id}"
    assert (await owner.at("identity").delete(user)).status_code == 204
    assert (await owner.at("identity").delete(f"{user}/data")).status_code == 204

    async def forgotten() -> bool:
        left = [traces(await everything_in(running, s), email, FIRST, LAST) for s in SERVICES]
        return not any(left)

    try:
        await eventually(forgotten, 10)
    except AssertionError:
        left = {s: traces(await everything_in(running, s), email, FIRST, LAST) for s in SERVICES}
        raise AssertionError(left) from None

    async def told() -> bool:
        text = b"".join(
            v for v in (await told_last(kafka_broker)).values() if user_id.encode() in v
        )
        return f"erased-{user_id}@invalid".encode() in text and not re.search(
            f"{email}|{LAST}".encode(), text
        )

    await eventually(told, 10, 0.5)
    kept = await owner.at("billing").get(f"/v1/invoices/{issued['invoice_id']}")
    db = await connect(running.databases["portal"].runtime_dsn, max_size=1)
    actors = await db.everywhere.fetchval(
        "SELECT count(*) FROM audit WHERE actor = $1", f"user:{user_id}"
    )
    assert (kept.status_code, actors > 0, await verify_chain(db)) in (
        (200, True, []),
        (403, True, []),
    )
    await db.close()


async def test_of_an_address_its_network_is_told(running: Platform) -> None:
    """Events are kept for years: an action names the network that it came from."""
    email = (await running.firm()).email
    async with httpx.AsyncClient(base_url=running.urls["identity"]) as client:
        headers = {"X-Forwarded-For": ADDRESS}
        wrong = {"email": email, "password": "nicht das richtige Wort"}
        assert (await client.post("/v1/sessions", json=wrong, headers=headers)).status_code == 401
        right = {"email": email, "password": PASSWORD}
        assert (await client.post("/v1/sessions", json=right, headers=headers)).status_code == 201
    db = await connect(running.databases["identity"].runtime_dsn, max_size=1)
    async with db.system_transaction() as conn:
        rows = await conn.fetch(
            "SELECT convert_from(payload, 'UTF8')::jsonb AS told FROM outbox "
            "WHERE topic = 'action.recorded' ORDER BY position DESC LIMIT 2"
        )
        user_id = await conn.fetchval("SELECT user_id FROM app_user WHERE email = $1", email)
    await db.close()
    assert [row["told"]["action"] for row in rows] == ["signed_in", "sign_in_refused"]
    for row in rows:
        assert (row["told"]["address"], row["told"]["user_id"]) == ("198.51.100.0/24", str(user_id))
