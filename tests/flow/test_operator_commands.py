"""Operators' commands against a running embedded stack, each as a process of its own."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer

from deploy.local import kafka
from deploy.local.environment import read_environment
from deploy.local.paths import CHECKOUT
from tests.flow.facteur import facteur, staying_up
from tests.need import need
from tests.services import eventually

pytestmark = pytest.mark.slow

EXAMPLE = CHECKOUT / "docs" / "examples" / "consumer.py"


@pytest.fixture(scope="module")
async def stack(workplace: Path) -> AsyncIterator[Path]:
    """A stack in which the demo has played, over SFTP alone; still up."""
    need(kafka.unavailable() is None, f"Apache Kafka: {kafka.unavailable()}")
    state = workplace / "operated"
    env = {"FACTEUR_BROKER": "kafka"}
    async with staying_up("demo", "--channels", "sftp", state=state, env=env):
        yield state


async def run(stack: Path, *arguments: str) -> str:
    """What the command printed; it must succeed."""
    ended = await facteur(*arguments, "--stack", str(stack))
    assert ended.status == 0, ended.err
    return ended.out


async def ask(stack: Path, service: str, question: str) -> list[asyncpg.Record]:
    """Ask a service's database, across companies."""
    environment = read_environment(stack, service)
    conn = await asyncpg.connect(environment[f"{service.upper()}_DATABASE_URL"])
    try:
        await conn.execute("SELECT set_config('app.company_id', '*', false)")
        return list(await conn.fetch(question))
    finally:
        await conn.close()


async def send(stack: Path, topic: str, value: bytes, headers: list[tuple[str, bytes]]) -> None:
    """A record from outside."""
    bootstrap = read_environment(stack, "billing")["FACTEUR_KAFKA_BOOTSTRAP"]
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        await producer.send_and_wait(topic, key=b"x", value=value, headers=headers)
    finally:
        await producer.stop()


async def test_topics_are_listed_with_their_counts(stack: Path) -> None:
    lines = {
        line.split()[0]: line.split() for line in (await run(stack, "topics", "list")).splitlines()
    }
    assert int(lines["invoice.issued"][3]) >= 2
    assert lines["invoice.issued"][1] == "3"
    assert "dead-letter.billing" in lines


async def test_a_group_without_members_is_set_back(stack: Path) -> None:
    said = await run(stack, "topics", "replay", "invoice.issued", "--group", "partner-new")
    assert "from offset 0 on" in said


async def test_a_group_that_is_at_work_is_not_set_back(stack: Path) -> None:
    ended = await facteur(
        "topics", "replay", "invoice.issued", "--group", "delivery.facts", "--stack", str(stack)
    )
    assert ended.status == 2
    assert "running members" in ended.err


async def test_a_topic_that_does_not_exist_is_named(stack: Path) -> None:
    ended = await facteur(
        "topics", "replay", "no.such", "--group", "partner-new", "--stack", str(stack)
    )
    assert (ended.status, ended.err.strip()) == (2, "facteur: there is no topic no.such")


async def test_a_dead_letter_is_listed_with_its_reason_and_put_back(stack: Path) -> None:
    await send(stack, "customer.changed", b"not JSON", [("ce_id", b"x")])

    async def listed() -> list[str]:
        return (await run(stack, "dead-letters", "list", "portal")).splitlines()

    lines = await eventually(listed, seconds=30, step=0.5)
    assert "customer.changed" in lines[0]
    at = lines[0].split()[0]
    assert await run(stack, "dead-letters", "requeue", "portal", "--at", at) == "1 put back\n"

    # it is as wrong as before: it comes back as another letter, with the same origin
    async def again() -> bool:
        return len(await listed()) == len(lines) + 1

    await eventually(again, seconds=30, step=0.5)
    assert "customer.changed" in (await listed())[-1]


async def test_published_events_are_sent_again_and_change_nothing(stack: Path) -> None:
    before = await ask(stack, "delivery", "SELECT delivery_id FROM delivery ORDER BY 1")
    said = await run(stack, "outbox", "republish", "billing", "--topic", "invoice.issued")
    assert int(said.split()[0]) >= 2

    async def sent() -> bool:
        waiting = await ask(
            stack, "billing", "SELECT count(*) AS n FROM outbox WHERE published_at IS NULL"
        )
        return bool(waiting[0]["n"] == 0)

    await eventually(sent, seconds=30, step=0.2)
    assert await ask(stack, "delivery", "SELECT delivery_id FROM delivery ORDER BY 1") == before


async def test_a_delivery_is_resent_as_a_new_one(stack: Path) -> None:
    lines = (await run(stack, "deliveries", "list", "--state", "delivered")).splitlines()
    first = lines[0].split()[0]
    said = await run(stack, "deliveries", "resend", first)
    new = said.split()[-1]
    assert new != first

    async def delivered() -> bool:
        now = await run(stack, "deliveries", "list", "--state", "delivered")
        return new in now

    await eventually(delivered, seconds=30, step=0.5)


async def test_an_unknown_delivery_is_refused(stack: Path) -> None:
    unknown = "00000000-0000-7000-8000-000000000000"
    ended = await facteur("deliveries", "resend", unknown, "--stack", str(stack))
    assert (ended.status, ended.err.strip()) == (2, f"facteur: there is no delivery {unknown}")


async def test_a_subscription_is_sold(stack: Path) -> None:
    companies = await ask(
        stack, "portal", "SELECT company_id FROM access.companies WHERE name LIKE 'Menuiserie%'"
    )
    company = str(companies[0]["company_id"])
    said = await run(stack, "subscription", company, "--option", "invoicing", "--seats", "3")
    assert said == f"{company}: standard, invoicing\n"


async def test_support_staff_are_made_and_unmade(stack: Path) -> None:
    """D7: taking it away closes the files that they are in."""
    known = await ask(stack, "identity", "SELECT email FROM app_user ORDER BY created_at LIMIT 1")
    email = str(known[0]["email"])
    assert await run(stack, "support", email) == f"{email} is one of support staff\n"
    assert await run(stack, "support", email, "--off") == (
        f"{email} is no longer one of support staff\n"
    )
    flags = await ask(stack, "identity", "SELECT email FROM app_user WHERE is_support")
    assert flags == []
    nobody = await facteur("support", "nobody@example.org", "--stack", str(stack))
    assert nobody.status == 2


async def test_the_signing_key_is_rotated_and_open_sessions_go_on(stack: Path) -> None:
    before = await ask(stack, "identity", "SELECT key_id FROM signing_key")
    said = await run(stack, "keys", "rotate-signing")
    after = await ask(stack, "identity", "SELECT key_id FROM signing_key")
    assert len(after) == len(before) + 1
    assert any(str(row["key_id"]) in said for row in after)


async def test_a_new_master_key_is_appended(tmp_path: Path) -> None:
    file = tmp_path / "master.key"
    for _ in range(2):
        ended = await facteur("keys", "new-master", "--file", str(file))
        assert ended.status == 0, ended.err
    assert len(set(file.read_text().split())) == 2
    assert file.stat().st_mode & 0o777 == 0o600


async def test_the_rules_in_force_are_listed() -> None:
    ended = await facteur("rules")
    assert ended.status == 0
    assert "cen-en16931-ubl" in ended.out


async def test_without_a_stack_or_settings_it_says_what_to_do(tmp_path: Path) -> None:
    for command in (("topics", "list"), ("deliveries", "list"), ("keys", "rotate-signing")):
        ended = await facteur(*command, env={"FACTEUR_STATE": str(tmp_path)})
        assert ended.status == 2, ended.err
        assert "--stack" in ended.err


async def test_the_partners_example_reads_every_fact_of_the_demo(stack: Path) -> None:
    issued = await ask(stack, "billing", "SELECT number FROM invoice")
    bootstrap = read_environment(stack, "billing")["FACTEUR_KAFKA_BOOTSTRAP"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(EXAMPLE), bootstrap, "partner-example", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    # by the event's id: a fact may come twice, and two companies may have the same number
    seen: dict[str, dict[str, str]] = {"invoice.issued": {}, "delivery.succeeded": {}}
    try:
        async with asyncio.timeout(60):
            while any(len(numbers) < len(issued) for numbers in seen.values()):
                topic, event, number, *_ = (await process.stdout.readline()).decode().split()
                seen[topic][event] = number
    finally:
        process.kill()
        await process.wait()
    numbers = sorted(row["number"] for row in issued)
    assert sorted(seen["invoice.issued"].values()) == numbers
    # one of them was sent again by hand
    assert set(seen["delivery.succeeded"].values()) == set(numbers)
