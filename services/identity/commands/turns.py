"""Guesses at one account wait for one another: however many come at once, one is judged at a time; of
one address's, a few.

So no more are judged than the limit lets in (side by side they'd all be let in before the first one
counts), and whoever guesses takes one thread of Argon2 at most. Beyond a few, they don't wait.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from services.identity.domain.errors import TooManyAttempts

MOST_WAITING = 4
RETRY_SECONDS = 2


@dataclass
class _Queue:
    places: asyncio.Semaphore
    inside: int = 0


class Turns:
    """One queue a key, for as long as somebody is in it; `side_by_side` have their turn at once."""

    def __init__(self, most_waiting: int = MOST_WAITING, side_by_side: int = 1) -> None:
        self._most, self._at_once = most_waiting, side_by_side
        self._queues: dict[bytes, _Queue] = {}

    @asynccontextmanager
    async def of(self, key: bytes) -> AsyncIterator[bool]:
        """One's turn; True when one had to wait for it. TooManyAttempts where too many wait."""
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = _Queue(asyncio.Semaphore(self._at_once))
        if queue.inside >= self._most + self._at_once:
            raise TooManyAttempts(headers={"Retry-After": str(RETRY_SECONDS)})
        waited = queue.inside >= self._at_once
        queue.inside += 1
        try:
            async with queue.places:
                yield waited
        finally:
            queue.inside -= 1
            if not queue.inside:
                self._queues.pop(key, None)
