"""An invoice's timeline: how long after the issue, how long on the wire, the how-manieth attempt."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from services.portal.domain.timeline import told

ISSUED = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
MAIL, DROP = uuid4(), uuid4()


@dataclass(frozen=True)
class Row:
    kind: str
    happened_at: datetime
    delivery_id: UUID | None = None
    started_at: datetime | None = None
    channel: str = ""
    target: str = ""
    words: str = ""
    proof: dict[str, Any] = field(default_factory=dict)
    actor: str = "system:delivery"
    trace_id: str = ""


def at(seconds: float) -> datetime:
    return ISSUED + timedelta(seconds=seconds)


def test_each_entry_says_how_long_after_the_issue_and_how_long_it_took() -> None:
    rows = [
        Row("issued", ISSUED),
        Row("scheduled", at(0.5), MAIL),
        Row("retrying", at(4), MAIL, started_at=at(1)),
        Row("delivered", at(7), DROP, started_at=at(5)),
        Row("delivered", at(64), MAIL, started_at=at(63.75)),
    ]
    found = told(rows)
    since = [e.since_issue.total_seconds() for e in found if e.since_issue is not None]
    assert since == [0, 0.5, 4, 7, 64]
    assert [e.took and e.took.total_seconds() for e in found] == [None, None, 3, 2, 0.25]
    assert [e.attempt for e in found] == [0, 0, 1, 1, 2]


def test_before_the_issue_is_heard_of_nothing_is_counted_from_it_and_clocks_may_differ() -> None:
    assert [e.since_issue for e in told([Row("scheduled", at(1), MAIL)])] == [None]
    early = told([Row("scheduled", at(-0.2), MAIL), Row("issued", ISSUED)])
    assert [e.since_issue for e in early] == [timedelta(0), timedelta(0)]
