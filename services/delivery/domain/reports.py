"""What the reports on an e-mail say together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol


class Told(Protocol):
    """One report on one recipient's copy."""

    @property
    def recipient(self) -> str: ...
    @property
    def fate(self) -> str: ...
    @property
    def hard(self) -> bool: ...
    @property
    def words(self) -> str: ...


@dataclass(frozen=True)
class Verdict:
    """What became of the message."""

    fate: Literal["delivered", "failed"]
    hard: bool
    """No later attempt cures it."""
    words: str


def judge(reports: Sequence[Told], recipients: int) -> Verdict | None:
    """Delivered when one copy arrived; failed when as many came back as there are recipients; else
    the reports settle nothing. A delay is noted, and says nothing."""
    if arrived := [r for r in reports if r.fate == "delivered"]:
        return Verdict("delivered", False, _words(arrived))
    failed = [r for r in reports if r.fate == "failed"]
    if not failed or len({r.recipient for r in failed}) < recipients:
        return None
    return Verdict("failed", all(r.hard for r in failed), _words(failed))


def bounced(reports: Sequence[Told], recipients: int) -> list[Told] | None:
    """The reports that say that a message which the server had taken reached nobody, once as many came
    back for good as it had recipients."""
    hard = [r for r in reports if r.fate == "failed" and r.hard]
    return hard if hard and len({r.recipient for r in hard}) >= recipients else None


def _words(reports: Sequence[Told]) -> str:
    return "; ".join(f"{r.recipient}: {r.words}" for r in reports)
