"""Works off confirmed deployments, in every process of the portal: whoever takes a company first has it."""

import asyncio
import logging
from dataclasses import dataclass, field

from services.portal.commands import deployment
from services.portal.store import deployments
from shared.clock import Clock, system_clock
from shared.database import AWAY
from shared.service import Service
from shared.waiting import rest

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
"""For what other processes confirmed, or left behind; this one is woken for its own."""


@dataclass
class Deployer:
    """`run()` until cancelled; `wake()` after a confirmation spares the wait."""

    clock: Clock = system_clock
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """Something was confirmed by this process."""
        self._woken.set()

    async def run(self, service: Service) -> None:
        """Settle what there is to settle, for ever."""
        async with service.database.system_transaction() as conn:
            await deployments.forget_proposals(conn, self.clock() - deployment.PROPOSALS_LAST)
        while True:
            self._woken.clear()
            try:
                settled = await deployment.work_off(service.database, self.clock)
            except AWAY as error:
                log.warning("deployments wait for the database: %s", type(error).__name__)
                settled = 0
            if settled:
                service.relay.wake()
            else:
                await rest(self._woken, POLL_SECONDS)
