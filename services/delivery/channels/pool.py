"""Connections kept open between deliveries, each used by one delivery at a time."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

C = TypeVar("C")


class Pool(Generic[C]):
    """Idle connections by key; the key holds everything that makes two connections differ."""

    def __init__(
        self, end: Callable[[C], Awaitable[None]], *, idle_seconds: float = 20.0, each: int = 16
    ) -> None:
        self._end = end
        self._idle_seconds = idle_seconds
        self._each = each
        self._idle: dict[Hashable, list[tuple[float, C]]] = defaultdict(list)
        self._ending: set[asyncio.Task[None]] = set()

    def take(self, key: Hashable) -> C | None:
        """The connection used last, if one is idle."""
        self._expire()
        idle = self._idle.get(key)
        return idle.pop()[1] if idle else None

    def give(self, key: Hashable, connection: C) -> None:
        """Keep a connection that is in order for the next delivery."""
        idle = self._idle[key]
        idle.append((time.monotonic(), connection))
        if len(idle) > self._each:
            self._end_later(idle.pop(0)[1])
        asyncio.get_running_loop().call_later(self._idle_seconds + 0.1, self._expire)

    def _expire(self) -> None:
        oldest = time.monotonic() - self._idle_seconds
        for key, idle in list(self._idle.items()):
            while idle and idle[0][0] < oldest:
                self._end_later(idle.pop(0)[1])
            if not idle:
                del self._idle[key]

    def _end_later(self, connection: C) -> None:
        task = asyncio.ensure_future(self._end_one(connection))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _end_one(self, connection: C) -> None:
        await self._end(connection)

    async def close(self) -> None:
        """End every idle connection."""
        for idle in self._idle.values():
            while idle:
                self._end_later(idle.pop()[1])
        self._idle.clear()
        while self._ending:
            await asyncio.gather(*self._ending, return_exceptions=True)
