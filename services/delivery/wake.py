"""Waking the workers of all channels: NOTIFY outside transactions, coalesced."""

import asyncio
import logging
from dataclasses import dataclass, field

from services.delivery.channels.registry import CHANNELS
from shared.database import UNAVAILABLE
from shared.service import Service

log = logging.getLogger(__name__)


@dataclass
class Alarm:
    """`ring()` as often as one likes; `run` sends one NOTIFY a channel for each burst."""

    _rung: asyncio.Event = field(default_factory=asyncio.Event)

    def ring(self) -> None:
        """Something may be due."""
        self._rung.set()

    async def run(self, service: Service) -> None:
        """Notify for ever."""
        while True:
            await self._rung.wait()
            self._rung.clear()
            try:
                async with service.database.pool.acquire() as conn:
                    for channel in CHANNELS:
                        await conn.execute(f"NOTIFY due_{channel}")
            except UNAVAILABLE as error:
                log.info("workers find their work at the next poll: %s", type(error).__name__)
            await asyncio.sleep(0.01)
