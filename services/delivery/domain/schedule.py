"""When to try again: a schedule that is data (retries.toml)."""

import random
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

LONGEST_SECONDS = 300.0
"""For which a breaker opens at most, where the file doesn't say."""

CHANNELS = ("email", "sftp", "ftps", "peppol")


@dataclass(frozen=True)
class Schedule:
    """Waits in seconds by channel, and the circuit breaker's figures."""

    waits: Mapping[str, Sequence[float]]
    settle_waits: Mapping[str, Sequence[float]]
    breaker_failures: int
    breaker_seconds: float
    breaker_longest: float

    def span(self, channel: str) -> timedelta:
        """How long a delivery is tried, or looked up, from its first failure to the last; a breaker has
        its turns in any case."""
        tried, looked_up = sum(self.waits[channel]), sum(self.settle_waits[channel])
        return timedelta(seconds=max(tried, looked_up, 10 * self.breaker_longest))

    def after_failure(self, channel: str, attempt: int) -> timedelta | None:
        """The wait after the failed attempt number `attempt` (from 1); None: exhausted."""
        waits = self.waits[channel]
        if attempt > len(waits):
            return None
        return _spread(waits[attempt - 1])

    def before_settling(self, channel: str, step: int) -> timedelta | None:
        """The wait before the settling number `step` (from 1) of an unknown outcome; None: a person decides."""
        waits = self.settle_waits[channel]
        if step > len(waits):
            return None
        return _spread(waits[step - 1])


def load_schedule(path: Path) -> Schedule:
    """Read a schedule; ValueError names what is missing or no list of positive numbers."""
    data = tomllib.loads(path.read_text("utf-8"))
    waits = {name: _waits(data, "waits", name) for name in CHANNELS}
    own = data.get("settle", {})
    settle = {name: _waits(data, "settle", name if name in own else "waits") for name in CHANNELS}
    breaker = data.get("breaker", {})
    seconds = float(breaker["seconds"])
    longest = max(seconds, float(breaker.get("longest", LONGEST_SECONDS)))
    return Schedule(waits, settle, int(breaker["failures"]), seconds, longest)


def _waits(data: Mapping[str, Any], table: str, name: str) -> Sequence[float]:
    found = data.get(table, {}).get(name)
    if (
        not isinstance(found, list)
        or not found
        or not all(isinstance(w, int | float) and w >= 0 for w in found)
    ):
        raise ValueError(f"[{table}] {name} must be a list of seconds")
    return found


def _spread(seconds: float) -> timedelta:
    return timedelta(seconds=seconds * (1 + random.random() / 10))  # noqa: S311 — no secret
