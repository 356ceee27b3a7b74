"""A partner's Kafka user reads what is public and nothing else; the broker itself refuses the rest."""

import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterator

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
)
from pydantic import SecretStr

from deploy.cli import partners
from deploy.local import kafka
from deploy.local.process import Program, free_port, start, stop
from deploy.local.wire import api_versions_answered
from shared.contracts.registry import CONTRACTS
from shared.settings import KafkaSettings
from shared.topics import client_options, dead_letter_topic, ensure_topics, retry_topic
from tests.need import need

PASSWORD = "only-for-this-test"
PARTNER = "partner-bank"
INTERNAL = ("membership.changed", "session.revoked", "signing_key.published", "action.recorded")


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Apache Kafka with users, and an authorizer that allows nothing by itself."""
    obstacle = kafka.unavailable()
    need(obstacle is None, f"Apache Kafka: {obstacle}")
    root, bound = tmp_path_factory.mktemp("secured"), free_port()
    settings = root / "server.properties"
    settings.write_text(secured(kafka._settings(root, bound, free_port())))
    jvm = [str(kafka.java()), *kafka._JVM, "-cp", f"{kafka.fetch_jars()}/*"]
    cluster = "A" + urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]
    users = [f"SCRAM-SHA-512=[name={name},password={PASSWORD}]" for name in ("facteur", PARTNER)]
    scram = [word for user in users for word in ("--add-scram", user)]
    formatted = subprocess.run(
        [*jvm, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(settings), *scram],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert formatted.returncode == 0, formatted.stdout + formatted.stderr
    program = Program(
        name="kafka",
        argv=[*jvm, "kafka.Kafka", str(settings)],
        ready=lambda: api_versions_answered(bound),
        ready_seconds=90,
    )
    running = start(program, root / "kafka.log")
    yield bound
    stop(running)


def secured(plain: str) -> str:
    """The embedded node's settings, with users and without trust."""
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule"
    return plain.replace("PLAINTEXT://", "SASL_PLAINTEXT://").replace(
        "PLAINTEXT:PLAINTEXT,CONTROLLER", "SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER"
    ) + (
        "sasl.enabled.mechanisms=SCRAM-SHA-512\n"
        "inter.broker.listener.name=SASL_PLAINTEXT\n"
        "sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512\n"
        f"listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config={scram} required "
        f'username="facteur" password="{PASSWORD}";\n'
        "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n"
        "allow.everyone.if.no.acl.found=false\n"
        "super.users=User:facteur;User:ANONYMOUS\n"
    )


def settings_of(port: int, user: str, password: str = PASSWORD) -> KafkaSettings:
    return KafkaSettings(
        bootstrap=f"127.0.0.1:{port}", security="SASL_PLAINTEXT", username=user,
        password=SecretStr(password), partitions=1,
    )  # fmt: skip


@pytest.fixture
async def allowed(port: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """Every topic there is, and the partner let in by the operator's command."""
    facteur = settings_of(port, "facteur")
    own = (dead_letter_topic("billing"), retry_topic("billing"))
    await ensure_topics(facteur, CONTRACTS.values(), own)
    for name, value in facteur.model_dump().items():
        text = PASSWORD if name == "password" else str(value)
        monkeypatch.setenv(f"FACTEUR_KAFKA_{name.upper()}", text)
    monkeypatch.delenv("FACTEUR_KAFKA_CA_FILE")
    await partners.allow(PARTNER)
    await partners.allow(PARTNER)
    return port


async def read(port: int, topic: str, group: str = f"{PARTNER}-ledger") -> int:
    """How many records the partner gets of a topic that has one."""
    consumer = AIOKafkaConsumer(
        topic, **client_options(settings_of(port, PARTNER)), group_id=group,
        auto_offset_reset="earliest", request_timeout_ms=5000,
    )  # fmt: skip
    await consumer.start()
    try:
        found = await consumer.getmany(timeout_ms=10_000, max_records=1)
        return sum(map(len, found.values()))
    finally:
        await consumer.stop()


async def publish(port: int, topic: str, user: str) -> None:
    producer = AIOKafkaProducer(
        **client_options(settings_of(port, user)), request_timeout_ms=5000, acks="all"
    )
    await producer.start()
    try:
        await producer.send_and_wait(topic, b"{}", key=b"k")
    finally:
        await producer.stop()


async def test_a_partner_reads_what_is_public(allowed: int) -> None:
    await publish(allowed, "invoice.issued", "facteur")
    assert await read(allowed, "invoice.issued") == 1


@pytest.mark.parametrize("topic", [*INTERNAL, "dead-letter.billing", "retry.billing"])
async def test_the_broker_refuses_a_partner_what_is_internal(allowed: int, topic: str) -> None:
    await publish(allowed, topic, "facteur")
    with pytest.raises(TopicAuthorizationFailedError):
        await read(allowed, topic)


@pytest.mark.parametrize("topic", ["invoice.issued", "signing_key.published", "retry.billing"])
async def test_the_broker_refuses_a_partners_write(allowed: int, topic: str) -> None:
    with pytest.raises(TopicAuthorizationFailedError):
        await publish(allowed, topic, PARTNER)


async def test_a_partner_joins_no_group_of_ours_and_makes_no_topic(allowed: int) -> None:
    for group in ("billing.access", "delivery.facts", "partner-other"):
        with pytest.raises(GroupAuthorizationFailedError):
            await read(allowed, "invoice.issued", group)
    admin = AIOKafkaAdminClient(**client_options(settings_of(allowed, PARTNER)))
    await admin.start()
    try:
        answer = await admin.create_topics([NewTopic("theirs", 1, 1)])
        assert [code for _, code, *_ in answer.topic_errors] != [0]
    finally:
        await admin.close()


async def test_a_wrong_password_is_refused(allowed: int) -> None:
    admin = AIOKafkaAdminClient(**client_options(settings_of(allowed, PARTNER, "guess")))
    with pytest.raises(KafkaError):
        await admin.start()
    await admin.close()


def test_what_a_partner_may_read_is_what_the_contracts_call_public() -> None:
    topics = {p.name for p in partners.permissions("x") if p.resource == partners.TOPIC}
    assert topics == {t for t, kind in CONTRACTS.items() if kind.public}
    assert not topics & set(INTERNAL)
    assert {p.operation for p in partners.permissions("x")} == {partners.READ, partners.DESCRIBE}
