"""From the outcome of an attempt to the next state of a delivery."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.delivery.domain.outcome import Delivered, Failed, Outcome, Unknown
from services.delivery.domain.schedule import Schedule

DeliveryState = Literal[
    "waiting", "due", "leased", "sending", "unknown", "settling", "delivered", "exhausted", "refused",
    "undecided", "cancelled", "bounced",
]  # fmt: skip
"""All that a delivery may be in."""

State = Literal["delivered", "due", "unknown", "exhausted", "refused", "undecided"]
"""What an attempt ends in."""


@dataclass(frozen=True)
class Progress:
    """What a delivery becomes, and when it is looked at again."""

    state: State
    next_attempt_at: datetime | None
    blames_endpoint: bool = False
    """Whether this failure counts against the endpoint (circuit breaker)."""


def after(
    outcome: Outcome, channel: str, attempt: int, settles: int, schedule: Schedule, now: datetime
) -> Progress:
    """The state after attempt number `attempt` (from 1), settled `settles` times so far."""
    if isinstance(outcome, Delivered):
        return Progress("delivered", None)
    if isinstance(outcome, Unknown):
        if outcome.needs_person:
            return Progress("undecided", None)
        wait = schedule.before_settling(channel, settles + 1)
        return Progress("undecided", None) if wait is None else Progress("unknown", now + wait)
    return _after_failure(outcome, channel, attempt, schedule, now)


def _after_failure(
    outcome: Failed, channel: str, attempt: int, schedule: Schedule, now: datetime
) -> Progress:
    if not outcome.retryable:
        return Progress("refused", None)
    wait = None if outcome.last else schedule.after_failure(channel, attempt)
    blames = not outcome.ours
    if wait is None:
        return Progress("exhausted", None, blames)
    return Progress("due", now + wait, blames)
