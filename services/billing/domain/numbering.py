"""Numbers of a series: gapless and chronological."""

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo


class WrongOrder(Exception):
    """A series is chronological: this date doesn't fit after its predecessor's."""

    def __init__(self, last_date: date | None, own_date: date) -> None:
        super().__init__(f"{own_date} doesn't fit after {last_date}")
        self.last_date = last_date
        self.own_date = own_date


@dataclass(frozen=True)
class Numbered:
    """A number taken, and the date it goes with."""

    sequence: int
    number: str
    issue_date: date


def next_number(
    prefix: str, width: int, last: int, last_date: date | None, today: date, own_date: date | None
) -> Numbered:
    """The number after `last`, dated `today`, never before its predecessor.

    A document that keeps its own date must fit in: WrongOrder when it is before its predecessor's
    or after today.
    """
    if own_date is not None and not (last_date or own_date) <= own_date <= today:
        raise WrongOrder(last_date, own_date)
    day = own_date or max(today, last_date or today)
    return Numbered(last + 1, written(prefix, width, last + 1), day)


def day_at(now: datetime, zone: str) -> date:
    """Today where the seller is."""
    return now.astimezone(ZoneInfo(zone)).date()


def written(prefix: str, width: int, sequence: int) -> str:
    """BT-1 as the series writes it."""
    return f"{prefix}{sequence:0{width}d}"


def placeholder(prefix: str, width: int) -> str:
    """A number in the series' format, for checks before a number is taken."""
    return prefix + "9" * width


def file_name(number: str, extension: str) -> str:
    """A document's file name from its number (BT-1): what no file system or header minds."""
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in number) + f".{extension}"
