"""Waking the workers of the channels on which something is due: NOTIFY, coalesced."""

import asyncio
import logging
from dataclasses import dataclass, field

from services.delivery.channels.registry import CHANNELS
from services.delivery.store import work
from shared.clock import system_clock
from shared.database import AWAY
from shared.service import Service

log = logging.getLogger(__name__)


@dataclass
class Alarm:
    """`ring()` as often as one likes; `run` looks once for each burst, and wakes who has work."""

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
                async with service.database.system_statement() as conn:
                    await work.wake(conn, CHANNELS, system_clock())
            except AWAY as error:
                log.info("workers find their work at the next poll: %s", type(error).__name__)
            except Exception:
                log.exception("workers find their work at the next poll")
            await asyncio.sleep(0.01)
