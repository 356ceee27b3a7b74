"""Poison on every topic that a service listens to: set aside with its reason, and what follows counts."""

import asyncio
import importlib
import json
from collections import Counter
from collections.abc import Callable
from uuid import NAMESPACE_URL, uuid5

import pytest
from aiokafka import AIOKafkaProducer

from deploy.local.broker import Broker
from shared.bus import Bus
from shared.contracts.gate import FOLDER
from shared.database import Database, connect
from shared.dead_letters import DeadLetters
from shared.letters import Letter, letters_of
from shared.messaging import BatchRunner, Consumers
from shared.settings import KafkaSettings
from shared.topics import client_options, dead_letter_topic, ensure_topics, retry_topic
from tests.conftest import DatabaseFactory
from tests.services import eventually, kafka_settings

pytestmark = pytest.mark.kafka

LISTENERS = {
    "identity": "services.identity.consumers",
    "portal": "services.portal.projections",
    "billing": "services.billing.consumers",
    "delivery": "services.delivery.consumers",
}
Raw = tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]
REASONS = ("Invalid JSON", "Field required", "version 99", "ce_id is missing", "isn't UTF-8", "no value",
           "the record's key")  # fmt: skip


@pytest.mark.parametrize("service", LISTENERS)
async def test_poison_on_each_topic_holds_nothing_up(
    service: str, new_database: DatabaseFactory, own_kafka: Callable[..., Broker]
) -> None:
    consumers: Consumers = importlib.import_module(LISTENERS[service]).consumers
    topics = {topic for _, topic in consumers.subscriptions}
    kafka, database = kafka_settings(own_kafka()), await new_database(service)
    db = await connect(database.runtime_dsn, max_size=4)
    kinds = [s.kind for s in consumers.subscriptions.values()]
    await ensure_topics(kafka, kinds, [dead_letter_topic(service), retry_topic(service)])
    for topic in sorted(topics):
        await _publish(kafka, topic, [*_poison(topic), _golden(topic)])
    bus, letters = Bus(consumers, kafka), DeadLetters(service, kafka)
    bus.subscribe(BatchRunner(consumers, db, letters))
    await asyncio.wait_for(bus.start(), 30)
    try:
        await eventually(lambda: _all_taken_in(db, consumers), 60)
    finally:
        await bus.stop()
        await letters.close()
        await db.close()
    found = await letters_of(kafka, service)
    by_origin = Counter(_lane_and_topic(letter) for letter in found)
    assert by_origin == {key: len(REASONS) for key in consumers.subscriptions}
    for reason in REASONS:
        told = sum(reason in letter.reason for letter in found)
        assert told == len(consumers.subscriptions), (reason, [letter.reason for letter in found])


def _lane_and_topic(letter: Letter) -> tuple[str, str]:
    return dict(letter.record.headers)["facteur-lane"].decode(), letter.origin.partition("/")[0]


def _golden(topic: str) -> Raw:
    example = json.loads((FOLDER / f"{topic}.v1.example.json").read_text())
    own = {**example["headers"], "ce_id": str(uuid5(NAMESPACE_URL, topic))}
    headers = [(name, value.encode()) for name, value in own.items()]
    return example["key"].encode(), json.dumps(example["value"]).encode(), headers


def _poison(topic: str) -> list[Raw]:
    """One record for each of REASONS."""
    key, value, headers = _golden(topic)
    changed = dict(headers)
    unknown = {**changed, "ce_dataschema": f"urn:facteur:schema:{topic}:99".encode()}
    return [
        (key, b"\xff{not json", headers),
        (key, b"{}", headers),
        (key, value, list(unknown.items())),
        (key, value, [h for h in headers if h[0] != "ce_id"]),
        (key, value, list({**changed, "ce_source": b"\xff\xfe"}.items())),
        (key, None, headers),
        (b"another", value, headers),
    ]


async def _publish(kafka: KafkaSettings, topic: str, records: list[Raw]) -> None:
    producer = AIOKafkaProducer(**client_options(kafka))
    await producer.start()
    try:
        for key, value, headers in records:
            await producer.send_and_wait(topic, value, key, partition=0, headers=headers)
    finally:
        await producer.stop()


async def _all_taken_in(db: Database, consumers: Consumers) -> bool:
    """Each lane has taken in the good record that lay behind the poison, on each of its topics."""
    rows = await db.pool.fetch("SELECT consumer, count(*) AS count FROM inbox GROUP BY consumer")
    taken = {row["consumer"]: row["count"] for row in rows}
    wanted = {f"{consumers.service}.{lane}": len(t) for lane, t in consumers.lanes().items()}
    return taken == wanted
