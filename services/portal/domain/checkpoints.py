"""Checkpoints of the audit chain: what is sealed, and which are believed."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import UUID

from services.portal.domain.acknowledged import Acknowledgement
from services.portal.domain.audit import Break

CHAIN = UUID("0192f0c1-7d1c-7c1e-9a57-fac7e0a0d170")
"""The key of all checkpoints. Whose chain it is, the seal says: no field of the database does."""
PURPOSE = "facteur audit checkpoint"
EVERY = timedelta(minutes=2)
EVERY_ENTRIES = 10_000
"""So many new entries are sealed before that. All checkpoints are kept and read by each walk."""
OLD = timedelta(minutes=10)
"""A checkpoint that is older, while there are newer entries, says that sealing has stopped."""


class Sealed(Protocol):
    """What a checkpoint says."""

    @property
    def position(self) -> int: ...
    @property
    def hash(self) -> str: ...
    @property
    def sealed_at(self) -> datetime: ...
    @property
    def seal(self) -> str: ...


def seal(key: bytes, position: int, digest: str, at: datetime) -> str:
    """HMAC-SHA256 of a checkpoint, in hex."""
    text = f"{position} {digest} {at.astimezone(UTC).isoformat()}"
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def genuine(said: Sealed, keys: Sequence[bytes]) -> bool:
    """Whether one of our keys has sealed it; whatever somebody else wrote there is just not ours."""
    try:
        seals = [seal(key, said.position, said.hash, said.sealed_at) for key in keys]
    except OverflowError:  # a time that no clock shows
        return False
    # as bytes: text that isn't ASCII can't be compared
    return any(hmac.compare_digest(own.encode(), said.seal.encode()) for own in seals)


def due(now: datetime, position: int, sealed: int, sealed_at: datetime | None) -> bool:
    """Whether another checkpoint is: the chain isn't where it was, and by enough or for long enough.
    What the database says of the last one gives the pace and no more: a number or a time that lies
    ahead, which only somebody's hand can have written, holds nothing up."""
    if position == sealed:
        return False
    moved = abs(position - sealed)
    return sealed_at is None or moved >= EVERY_ENTRIES or abs(now - sealed_at) >= EVERY


def old(now: datetime, position: int, newest: int, newest_at: datetime | None) -> bool:
    """Whether entries have waited for a checkpoint for too long."""
    return newest_at is not None and position > newest and now - newest_at > OLD


@dataclass
class Checkpoints:
    """What vouches for the chain from outside its database, as far as it is ours."""

    sealed: list[Sealed] = field(default_factory=list)
    """In the topic's order."""
    acknowledged: list[Acknowledgement] = field(default_factory=list)
    """By time."""
    strange: int = 0
    """Records that none of our keys has sealed."""
    trouble: str = ""
    """Why there is none to compare with: `key`, `broker`, `none`."""

    def hear(self, said: Sealed, keys: Sequence[bytes]) -> None:
        """The next checkpoint, in the topic's order."""
        if genuine(said, keys):
            self.sealed.append(said)
        else:
            self.strange += 1

    def hear_acknowledged(self, said: Acknowledgement) -> None:
        """That a break was seen, under a seal of ours."""
        self.acknowledged = sorted([*self.acknowledged, said], key=lambda a: a.at)

    @property
    def found(self) -> dict[int, bytes]:
        """Position → hash of those in force. The first of a position counts: what was sealed of a chain
        that was cut and grew again comes later."""
        found = {a.position: a.last for a in self._acknowledged_in_force()}
        for said in self._sealed_in_force():
            found.setdefault(said.position, bytes.fromhex(said.hash))
        return found

    @property
    def resumed(self) -> dict[int, bytes]:
        """Where the chain goes on after a break that was acknowledged, and with what."""
        return {a.position: a.hash for a in self._acknowledged_in_force()}

    @property
    def newest(self) -> int:
        return max(self.found, default=0)

    @property
    def newest_at(self) -> datetime | None:
        """When the newest was made."""
        made = [(a.position, a.at) for a in self._acknowledged_in_force()]
        made += [(said.position, said.sealed_at) for said in self._sealed_in_force()]
        return max(made)[1] if made else None

    def unseen(self, broken: Sequence[Break]) -> list[Break]:
        """Those of the breaks that nobody has acknowledged."""
        seen = [each for said in self.acknowledged for each in said.breaks]
        return [each for each in broken if each not in seen]

    def _sealed_in_force(self) -> list[Sealed]:
        return [
            said
            for said in self.sealed
            if not any(a.puts_aside(said.position, said.sealed_at) for a in self.acknowledged)
        ]

    def _acknowledged_in_force(self) -> list[Acknowledgement]:
        return [
            said
            for said in self.acknowledged
            if not any(
                a.puts_aside(said.position, said.at) for a in self.acknowledged if a is not said
            )
        ]


def unread(trouble: str) -> Checkpoints:
    """None, and why."""
    return Checkpoints(trouble=trouble)


TROUBLES: Mapping[str, str] = {
    "key": "no PORTAL_MASTER_KEY_FILE is set",
    "broker": "the broker doesn't answer",
    "none": "there is none that our keys have sealed",
}
"""In the operator's words; pages have their own (`chain_anchor`)."""
