"""The embedded brokers: large records, data after a kill, and a choice that says its reason."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.local import broker as brokers
from deploy.local import kafka
from deploy.local.process import StartError

TEN_MIB = 10 * 1024 * 1024


async def _create(bootstrap: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    answer = await admin.create_topics([NewTopic(topic, 1, 1)])
    await admin.close()
    assert answer.topic_errors[0][1] == 0, answer


async def _send(broker: brokers.Broker, topic: str, record: bytes) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=broker.bootstrap, max_request_size=kafka.RECORD_BYTES
    )
    await producer.start()
    await producer.send_and_wait(topic, record)
    await producer.stop()


async def _first(broker: brokers.Broker, topic: str) -> bytes:
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=broker.bootstrap,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=kafka.RECORD_BYTES,
    )
    await consumer.start()
    record = await consumer.getone()
    await consumer.stop()
    value: bytes = record.value
    return value


@pytest.mark.kafka
async def test_kafka_keeps_a_record_of_ten_mib_over_a_kill(
    own_kafka: Callable[..., brokers.Broker],
) -> None:
    broker = own_kafka()
    await _create(broker.bootstrap, "kept")
    record = os.urandom(TEN_MIB)
    await _send(broker, "kept", record)
    os.kill(broker.pid, signal.SIGKILL)
    broker.running.popen.wait()

    again = own_kafka(port=int(broker.bootstrap.rpartition(":")[2]))
    assert again.bootstrap == broker.bootstrap
    assert await _first(again, "kept") == record


async def test_tansu_takes_a_record_of_ten_mib(tansu_broker: brokers.Broker) -> None:
    await _create(tansu_broker.bootstrap, "large")
    record = os.urandom(TEN_MIB)
    await _send(tansu_broker, "large", record)
    assert await _first(tansu_broker, "large") == record


def test_choice_is_forced_or_explained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FACTEUR_BROKER", "tansu")
    assert brokers.choose().kind == "tansu"
    monkeypatch.setenv("FACTEUR_BROKER", "rabbit")
    with pytest.raises(StartError, match="kafka or tansu"):
        brokers.choose()
    # a machine with neither jars nor Maven
    monkeypatch.delenv("FACTEUR_BROKER")
    monkeypatch.setenv("FACTEUR_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    fallback = brokers.choose()
    assert fallback.kind == "tansu"
    assert "Apache Kafka cannot run" in fallback.reason
    monkeypatch.setenv("FACTEUR_BROKER", "kafka")
    with pytest.raises(StartError, match="Maven"):
        brokers.choose()
