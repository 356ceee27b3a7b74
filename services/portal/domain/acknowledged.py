"""A break of the audit chain that somebody has seen: what is sealed of it, and what it puts aside."""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.portal.domain.audit import Break

PURPOSE = "facteur audit acknowledgement"
MOST = 1000
"""So many breaks are acknowledged at once; a chain with more of them is not to be gone on with."""


@dataclass(frozen=True)
class Acknowledgement:
    """The chain goes on from this position: what was broken until then was seen.

    It is a checkpoint itself. What is found there counts as seen only as it was: the same rows, with the
    same content."""

    position: int
    hash: bytes
    """With what the chain goes on."""
    agreed: int
    """The last checkpoint that agreed: those after it, made before this, no longer count."""
    breaks: tuple[Break, ...]
    operator: str
    reason: str
    at: datetime

    @property
    def last(self) -> bytes:
        """The hash that the entry at this position has: where the end itself was broken, another."""
        ends = (each.evidence for each in self.breaks if each.kind == "end")
        return bytes.fromhex(next(ends, self.hash.hex()))

    def puts_aside(self, position: int, at: datetime) -> bool:
        """Whether what was sealed then of that position counts no longer."""
        return position > self.agreed and at <= self.at


def seal(key: bytes, content: Mapping[str, Any]) -> str:
    """HMAC-SHA256 of everything else that it says, in hex."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def genuine(content: Mapping[str, Any], sealed: str, keys: Sequence[bytes]) -> bool:
    """Whether one of our keys has sealed it."""
    own = [seal(key, content) for key in keys]
    return any(hmac.compare_digest(each.encode(), sealed.encode()) for each in own)
