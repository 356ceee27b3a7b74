"""What happened to a document, told: each entry with the time since it was issued."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

OVER = ("exhausted", "refused", "undecided", "bounced")
"""States in which nothing more happens by itself, and a person may send again."""


class Happening(Protocol):
    """What a read model's row says."""

    @property
    def kind(self) -> str: ...
    @property
    def delivery_id(self) -> UUID | None: ...
    @property
    def channel(self) -> str: ...
    @property
    def target(self) -> str: ...
    @property
    def words(self) -> str: ...
    @property
    def proof(self) -> dict[str, Any]: ...
    @property
    def actor(self) -> str: ...
    @property
    def started_at(self) -> datetime | None: ...
    @property
    def happened_at(self) -> datetime: ...
    @property
    def trace_id(self) -> str: ...


@dataclass(frozen=True)
class Entry:
    """One line of the timeline."""

    row: Happening
    since_issue: timedelta | None
    """From the issue to this; None before the issue is heard of."""
    took: timedelta | None
    """How long an attempt was under way."""
    attempt: int
    """The how-manieth attempt of its delivery; 0 for what isn't one."""


def told(rows: Sequence[Happening]) -> list[Entry]:
    """The rows in order of their time, with durations and attempts counted."""
    issued = next((row.happened_at for row in rows if row.kind == "issued"), None)
    attempts: dict[UUID | None, int] = {}
    entries = []
    for row in rows:
        tried = row.started_at is not None
        if tried:
            attempts[row.delivery_id] = attempts.get(row.delivery_id, 0) + 1
        took = row.happened_at - row.started_at if row.started_at is not None else None
        since = row.happened_at - issued if issued is not None else None
        if since is not None and since < timedelta(0):
            since = timedelta(0)
        number = attempts.get(row.delivery_id, 0) if tried else 0
        entries.append(Entry(row, since, took, number))
    return entries
