"""A record as it came from the broker, and where it first came from when it was put back."""

from collections.abc import Sequence
from typing import Protocol

ORIGIN_TOPIC = "facteur-origin-topic"
ORIGIN_PARTITION = "facteur-origin-partition"
ORIGIN_OFFSET = "facteur-origin-offset"
REASON = "facteur-reason"
HANDLER = "facteur-handler"
LANE = "facteur-lane"
OWN_HEADERS = {ORIGIN_TOPIC, ORIGIN_PARTITION, ORIGIN_OFFSET, REASON, HANDLER, LANE}


class Record(Protocol):
    """What aiokafka's ConsumerRecord gives us."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


def origin_of(record: Record) -> str:
    """The topic that this record was first published to (differs for one put back by an operator)."""
    if not record.topic.startswith("retry."):
        return record.topic
    for name, value in record.headers:
        if name == ORIGIN_TOPIC:
            return value.decode(errors="replace")
    return record.topic


def put_back_for_another(record: Record, lane: str) -> bool:
    """Whether an operator put this record back for another lane of the service than `lane`."""
    if not record.topic.startswith("retry."):
        return False
    meant = [value.decode(errors="replace") for name, value in record.headers if name == LANE]
    return lane not in (meant or ["facts"])
