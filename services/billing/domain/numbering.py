"""Numbers of a series: gapless and chronological."""

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Numbered:
    """A number taken, and the date it goes with."""

    sequence: int
    number: str
    issue_date: date


def next_number(
    prefix: str, width: int, last: int, last_date: date | None, now: datetime, zone: str
) -> Numbered:
    """The number after `last`, dated today where the seller is, never before its predecessor."""
    today = now.astimezone(ZoneInfo(zone)).date()
    return Numbered(last + 1, written(prefix, width, last + 1), max(today, last_date or today))


def written(prefix: str, width: int, sequence: int) -> str:
    """BT-1 as the series writes it."""
    return f"{prefix}{sequence:0{width}d}"


def placeholder(prefix: str, width: int) -> str:
    """A number in the series' format, for checks before a number is taken."""
    return prefix + "9" * width
