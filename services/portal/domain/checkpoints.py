"""Checkpoints of the audit chain: what is sealed, and which are believed."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import UUID

CHAIN = UUID("0192f0c1-7d1c-7c1e-9a57-fac7e0a0d170")
"""The key of all checkpoints. Whose chain it is, the seal says: no field of the database does."""
PURPOSE = "facteur audit checkpoint"
EVERY = timedelta(minutes=2)
EVERY_ENTRIES = 10_000
"""So many new entries are sealed before that. All checkpoints are kept and read by each walk."""


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


@dataclass
class Checkpoints:
    """What vouches for the chain from outside its database: position → hash of those that are ours."""

    found: dict[int, bytes] = field(default_factory=dict)
    strange: int = 0
    """Records that none of our keys has sealed."""
    trouble: str = ""
    """Why there is none to compare with: `key`, `broker`, `none`."""

    def hear(self, said: Sealed, keys: Sequence[bytes]) -> None:
        """The next one, in the topic's order. The first of a position counts: what was sealed of a chain
        that was cut and grew again comes later."""
        if genuine(said, keys):
            self.found.setdefault(said.position, bytes.fromhex(said.hash))
        else:
            self.strange += 1

    @property
    def newest(self) -> int:
        return max(self.found, default=0)


def unread(trouble: str) -> Checkpoints:
    """None, and why."""
    return Checkpoints(trouble=trouble)


TROUBLES: Mapping[str, str] = {
    "key": "no PORTAL_MASTER_KEY_FILE is set",
    "broker": "the broker doesn't answer",
    "none": "there is none that our keys have sealed",
}
"""In the operator's words; pages have their own (`chain_anchor`)."""
