"""Topics: named after the kind of fact, made at start, sized for the largest document."""

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError
from aiokafka.helpers import create_ssl_context

from shared.events import MAX_EVENT_BYTES, Event
from shared.settings import KafkaSettings

log = logging.getLogger(__name__)

MAX_RECORD_BYTES = MAX_EVENT_BYTES + 2 * 1024 * 1024
MAX_LETTER_BYTES = MAX_RECORD_BYTES + 64 * 1024
"""The largest record that anybody could publish, with the headers that a dead letter adds."""


def dead_letter_topic(service: str) -> str:
    """Where a service puts what it can't decode or apply."""
    return f"dead-letter.{service}"


def retry_topic(service: str) -> str:
    """Where an operator puts a dead letter back, for that service alone."""
    return f"retry.{service}"


def client_options(settings: KafkaSettings) -> dict[str, Any]:
    """What every client of the broker is made with."""
    options: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap,
        "security_protocol": settings.security,
    }
    if settings.security.startswith("SASL"):
        options["sasl_mechanism"] = "SCRAM-SHA-512"
        options["sasl_plain_username"] = settings.username
        options["sasl_plain_password"] = (
            settings.password.get_secret_value() if settings.password else None
        )
    if settings.security.endswith("SSL"):
        options["ssl_context"] = create_ssl_context(
            cafile=str(settings.ca_file) if settings.ca_file else None
        )
    return options


def _definition(
    name: str, settings: KafkaSettings, *, compacted: bool, most: int = MAX_RECORD_BYTES
) -> NewTopic:
    configs = {"max.message.bytes": str(most)}
    if compacted:
        configs["cleanup.policy"] = "compact"
    else:
        configs["retention.ms"] = "-1"
    return NewTopic(name, settings.partitions, settings.replication, topic_configs=configs)


async def ensure_topics(
    settings: KafkaSettings, kinds: Iterable[type[Event]], names: Iterable[str] = ()
) -> None:
    """Create what is missing, `names` being topics of dead letters; waits for the broker as long as
    that takes."""
    by_topic = {kind.topic: kind for kind in kinds}
    wanted = [_definition(t, settings, compacted=k.state) for t, k in by_topic.items()]
    wanted += [_definition(n, settings, compacted=False, most=MAX_LETTER_BYTES) for n in names]
    while True:
        try:
            await asyncio.wait_for(_create(settings, wanted), 15)
        except (KafkaError, OSError, TimeoutError) as error:
            log.warning("topics can't be made yet: %s: %s", type(error).__name__, error)
            await asyncio.sleep(0.3)
        else:
            return


async def _create(settings: KafkaSettings, wanted: list[NewTopic]) -> None:
    admin = AIOKafkaAdminClient(**client_options(settings))
    await admin.start()
    try:
        existing = set(await admin.list_topics())
        missing = [t for t in wanted if t.name not in existing]
        if missing:
            answer = await admin.create_topics(missing)
            for name, code, *_ in answer.topic_errors:
                if code not in (0, TopicAlreadyExistsError.errno):
                    raise KafkaError(f"topic {name} can't be made: code {code}")
    finally:
        await admin.close()
