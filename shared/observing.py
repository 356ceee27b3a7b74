"""Figures that must be asked for, every few seconds: how far relay, outbox and consumers are."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from shared import metrics, outbox
from shared.database import UNAVAILABLE

if TYPE_CHECKING:
    from shared.service import Service

log = logging.getLogger(__name__)

Observer = Callable[["Service"], Awaitable[None]]

SECONDS = 10.0


async def observe(service: "Service") -> None:
    """For as long as the process lives."""
    while True:
        await observe_once(service)
        await asyncio.sleep(SECONDS)


async def observe_once(service: "Service") -> None:
    """One look at everything; what can't be asked now keeps its last figure."""
    for look in (_relay, _lanes, _outbox, *service.observers):
        try:
            await look(service)
        except UNAVAILABLE as error:
            log.info("a figure waits for the database: %s", type(error).__name__)


async def _relay(service: "Service") -> None:
    own = {"service": service.name}
    metrics.relay_round.set(time.time() - service.relay.age, own)
    metrics.relay_leads.set(int(service.relay.leading), own)


async def _lanes(service: "Service") -> None:
    for lane, health in (await service.bus.health()).items():
        group = {"messaging.consumer.group.name": f"{service.name}.{lane}"}
        metrics.lane_lag.set(health.lag, group)
        metrics.lane_polled.set(time.time() - health.seconds_since_poll, group)


async def _outbox(service: "Service") -> None:
    async with service.database.system_transaction() as conn:
        pending = await outbox.pending(conn)
    own = {"service": service.name}
    metrics.outbox_pending.set(pending.count, own)
    metrics.outbox_oldest.set(pending.oldest_seconds, own)
