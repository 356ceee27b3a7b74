"""Checkpoints of the audit chain: what is sealed, and which are believed."""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

CHAIN = UUID("0192f0c1-7d1c-7c1e-9a57-fac7e0a0d170")
"""The key of all checkpoints. Whose chain it is, the seal says: no field of the database does."""
PURPOSE = "facteur audit checkpoint"


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


def believed(found: Iterable[Sealed], keys: Sequence[bytes]) -> dict[int, bytes]:
    """Position → hash of those that one of our keys has sealed. The first of a position counts: what was
    sealed of a chain that was cut and grew again comes later."""
    kept: dict[int, bytes] = {}
    for c in found:
        seals = (seal(key, c.position, c.hash, c.sealed_at) for key in keys)
        if any(hmac.compare_digest(own, c.seal) for own in seals):
            kept.setdefault(c.position, bytes.fromhex(c.hash))
    return kept
