"""Every process is killed in turn while invoices are issued; PostgreSQL goes away; any order of start."""

import asyncio
import os
import signal
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from aiokafka import AIOKafkaProducer

from tests.faults.issuer import SERVICES, Issuer, company_changed, numbers
from tests.services import eventually

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

INVOICES = 300
AWAY_SECONDS = 60 if os.environ.get("FACTEUR_REQUIRE_ALL") == "1" else 20
VICTIMS = (
    "billing",
    "delivery-sftp-1",
    "delivery",
    "kafka",
    "delivery-peppol-1",
    "postgres",
    "identity",
    "delivery-email-1",
    "delivery-ftps-1",
    "portal",
)


async def test_every_process_is_killed_in_turn_and_each_invoice_arrives_once(
    issuer: Issuer,
) -> None:
    supervisor, step = issuer.stack.supervisor, INVOICES // (len(VICTIMS) + 1)
    first = len(issuer.issued)

    async def killing() -> None:
        for nth, victim in enumerate(VICTIMS):

            async def reached(nth: int = nth) -> bool:
                return len(issuer.issued) - first >= nth * step + step // 3

            await eventually(reached, 120)
            former = supervisor.kill(victim)
            await supervisor.back(victim, former)

    killer = asyncio.create_task(killing())
    customers = ["with e-mail", "by ftps", *["plain"] * 3] * (step // 5 + 1)
    for _ in range(len(VICTIMS)):
        await issuer.many(customers[:step])
    await killer
    await issuer.many(["plain"] * (INVOICES - len(VICTIMS) * step))
    mine = issuer.issued[first:]
    invoices = await issuer.settled(mine, 90)
    assert numbers(invoices) == list(range(first + 1, first + INVOICES + 1))
    issuer.each_peer_has_one(invoices)
    assert await _effects(issuer, invoices) == {"issued": INVOICES, "planned": INVOICES}
    assert await issuer.dead_letters() == 0
    assert set(supervisor.restarts()) >= set(VICTIMS)
    assert all(supervisor.restarts()[victim] >= 1 for victim in VICTIMS)


async def test_the_mail_worker_is_killed_over_and_over_and_nobody_gets_an_invoice_twice(
    issuer: Issuer,
) -> None:
    """By the mail server's count: each invoice came once, or is listed as one nobody can tell of."""
    supervisor, first = issuer.stack.supervisor, len(issuer.issued)
    loading = asyncio.create_task(issuer.many(["by e-mail"] * 60))
    for nth in range(5):

        async def some_more(least: int = first + 10 * nth + 5) -> bool:
            return len(issuer.issued) >= least

        await eventually(some_more, 60)
        await supervisor.back("delivery-email-1", supervisor.kill("delivery-email-1"))
    invoices = await issuer.settled(await loading, 90)
    issuer.each_peer_has_one(invoices)
    states = [d["state"] for i in invoices for d in i["deliveries"]]
    assert set(states) <= {"delivered", "undecided"}
    assert states.count("delivered") >= 40, "most were under way in no kill"


async def test_postgresql_away_loses_nothing_and_buries_nothing(issuer: Issuer) -> None:
    """Batches of several partitions are in hand when the database goes, and more come meanwhile."""
    supervisor, first = issuer.stack.supervisor, len(issuer.issued)
    issued = await issuer.many(["plain"] * 40, 8)
    await supervisor.stop("postgres")
    await _publish("company.changed", range(1, 41), issuer.stack.ports["broker"])
    await asyncio.sleep(AWAY_SECONDS)  # this long is PostgreSQL away, and nothing is waited for
    await supervisor.start(issuer.stack.cluster.program)
    invoices = await issuer.settled(issued, 90)
    assert numbers(invoices) == list(range(first + 1, first + 41))
    issuer.each_peer_has_one(invoices)
    for service in ("billing", "delivery", "portal"):
        url = issuer.stack.environments[service][f"{service.upper()}_OWNER_DATABASE_URL"]
        await eventually(lambda url=url: _companies_are_known(url), 30, 0.2)
    assert await issuer.dead_letters() == 0


async def test_sigterm_under_load_loses_and_repeats_nothing(issuer: Issuer) -> None:
    supervisor, first = issuer.stack.supervisor, len(issuer.issued)
    loading = asyncio.create_task(issuer.many(["plain"] * 60))
    for nth, name in enumerate(("billing", "delivery-sftp-1", "delivery", "delivery-peppol-1")):

        async def reached(nth: int = nth) -> bool:
            return len(issuer.issued) - first >= 10 * nth + 5

        await eventually(reached, 60)
        former = supervisor.kill(name, signal.SIGTERM)
        await supervisor.back(name, former)
    invoices = await issuer.settled(await loading, 60)
    assert numbers(invoices) == list(range(first + 1, first + 61))
    issuer.each_peer_has_one(invoices)
    assert await _attempts_made(issuer, invoices) == {"delivered"}
    assert await issuer.dead_letters() == 0


async def test_services_start_before_their_database_and_broker(issuer: Issuer) -> None:
    stack, supervisor, first = issuer.stack, issuer.stack.supervisor, len(issuer.issued)
    await supervisor.stop(*SERVICES, *stack.worker_names())
    await supervisor.stop("kafka", "postgres")
    programs = [stack._service(name) for name in reversed(SERVICES)]
    starting = asyncio.create_task(supervisor.start(*stack._worker_programs(), *programs))
    for service in SERVICES:
        await eventually(lambda s=service: _says(stack.url(s), "waiting for the database"), 40, 0.1)
    async with httpx.AsyncClient(timeout=20) as client:
        refused = await client.get(stack.url("billing") + "/v1/invoices")
        assert refused.status_code in (401, 503), refused.text
    await supervisor.start(stack.cluster.program)
    for service in SERVICES:
        await eventually(lambda s=service: _says(stack.url(s), "waiting for the broker"), 40, 0.1)
    assert not starting.done()
    await supervisor.start(stack._broker())
    await asyncio.wait_for(starting, 90)
    invoices = await issuer.settled(await issuer.many(["plain"] * 5), 60)
    assert numbers(invoices) == list(range(first + 1, first + 6))
    issuer.each_peer_has_one(invoices)


async def _says(url: str, problem: str) -> bool:
    async with httpx.AsyncClient(timeout=5) as client:
        try:
            answer = await client.get(url + "/health/ready")
        except httpx.TransportError:
            return False
    assert answer.status_code == 503, answer.text
    return problem in answer.text


async def _effects(issuer: Issuer, invoices: list[dict[str, Any]]) -> dict[str, int]:
    """How many times these invoices were told of, and how many plans that made."""
    ids = [i["invoice_id"] for i in invoices]
    counts = {}
    for name, service, query in (
        (
            "issued",
            "billing",
            "SELECT count(*) FROM outbox WHERE topic = 'invoice.issued' AND key = ANY($1)",
        ),
        (
            "planned",
            "delivery",
            "SELECT count(*) FROM delivery_plan WHERE invoice_id::text = ANY($1)",
        ),
    ):
        counts[name] = await _looked_up(issuer, service, query, ids)
    return counts


async def _attempts_made(issuer: Issuer, invoices: list[dict[str, Any]]) -> set[str]:
    """The outcomes of all attempts of these invoices' deliveries; more than one each is a repetition."""
    found: set[str] = set()
    for delivery in await issuer.deliveries(invoices):
        outcomes = [a["outcome"] for a in delivery["attempts"]]
        assert len(outcomes) == 1, delivery
        found |= set(outcomes)
    return found


async def _looked_up(issuer: Issuer, service: str, query: str, ids: list[str]) -> int:
    url = issuer.stack.environments[service][f"{service.upper()}_OWNER_DATABASE_URL"]
    conn = await asyncpg.connect(url)
    try:
        await conn.execute("SELECT set_config('app.company_id', '*', false)")
        found: int = await conn.fetchval(query, ids)
        return found
    finally:
        await conn.close()


async def _publish(topic: str, which: range, port: int) -> None:
    """Raw records on several partitions, as identity's relay would send them."""
    producer = AIOKafkaProducer(bootstrap_servers=f"127.0.0.1:{port}")
    await producer.start()
    sent = []
    for number in which:
        key, value, headers = company_changed(number)
        sent.append(await producer.send_and_wait(topic, value, key, headers=headers))
    await producer.stop()
    assert len({record.partition for record in sent}) > 1


async def _companies_are_known(url: str) -> bool:
    conn = await asyncpg.connect(url)
    try:
        found = await conn.fetchval(
            "SELECT count(*) FROM access.companies WHERE company_id = ANY($1)",
            [UUID(int=n) for n in range(1, 41)],
        )
    finally:
        await conn.close()
    return bool(found == 40)
