"""Charts as numbers for SVG: drawn by templates, without a script and without inline styles; the
tables beside them say the same in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True)
class Part:
    """A piece of a bar, in hundredths of its length."""

    name: str
    value: int
    start: float
    length: float


@dataclass(frozen=True)
class Column:
    """One day, in units of a drawing that is 100 high; `left` and `width` in hundredths of it."""

    day: date
    value: int
    left: float
    width: float
    height: float


def stacked(values: Sequence[tuple[str, int]]) -> list[Part]:
    """One bar of pieces that add up to the whole; pieces of nothing are left out."""
    whole = sum(value for _, value in values)
    parts, start = [], 0.0
    for name, value in values:
        if value:
            length = 100 * value / whole
            parts.append(Part(name, value, round(start, 2), round(length, 2)))
            start += length
    return parts


def share(value: timedelta | None, longest: timedelta | None) -> float:
    """How long a bar is for a duration, in hundredths of the longest."""
    if value is None or not longest:
        return 0.0
    return round(100 * value / longest, 2)


def columns(counts: dict[date, int], last: date, days: int) -> list[Column]:
    """A column for each of the `days` up to `last`, also for those without anything."""
    highest = max(counts.values(), default=0) or 1
    width = 100 / days
    found = []
    for n in range(days):
        day = last - timedelta(days=days - 1 - n)
        value = counts.get(day, 0)
        left, height = round(n * width + width * 0.12, 2), round(100 * value / highest, 2)
        found.append(Column(day, value, left, round(width * 0.76, 2), height))
    return found
