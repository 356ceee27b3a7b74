"""What waits behind circuit breakers, minded by one worker at a time.

Deliveries to an endpoint that doesn't work are parked, so that the cost of claiming others doesn't grow
with them. When the breaker's time is over one of them is its probe; the others go when that arrived.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

from services.delivery import announce
from services.delivery.commands.attempts import Attempts
from services.delivery.domain.schedule import CHANNELS
from services.delivery.store import breakers
from shared.database import Connection

log = logging.getLogger(__name__)

PORTION = 500
"""Deliveries parked or let go in one transaction."""


async def mind(attempts: Attempts) -> None:
    """Park, elect, let go, give up: a turn of each, unless another worker has it."""
    while await _alone(attempts, _park) == PORTION:
        pass
    await _alone(attempts, _elect)
    await _alone(attempts, _unpark)
    await give_up_overdue(attempts)


async def _park(conn: Connection, now: datetime) -> int:
    parked = await breakers.park(conn, now, PORTION)
    await announce.parked(conn, parked, now)
    return len(parked)


async def _elect(conn: Connection, now: datetime) -> int:
    elected = await breakers.elect(conn, now)
    await announce.released(conn, elected)
    return len(elected)


async def _unpark(conn: Connection, now: datetime) -> int:
    released = await breakers.unpark(conn, now, PORTION)
    await announce.released(conn, released)
    return len(released)


async def give_up_overdue(attempts: Attempts) -> None:
    """What was parked for as long as its schedule would have tried ends as that would: listed."""
    now = attempts.clock()
    before = {channel: now - attempts.schedule.span(channel) for channel in CHANNELS}
    async with attempts.db.system_transaction() as conn:
        if not await breakers.alone(conn):
            return
        overdue = await breakers.lease_overdue(conn, before, now + attempts.lease, PORTION)
    for leased in overdue:
        await attempts.give_up(leased, "its server hasn't worked for as long as it is tried again")


async def _alone(attempts: Attempts, step: Callable[[Connection, datetime], Awaitable[int]]) -> int:
    """One step in a transaction of its own; 0 while another worker is at it."""
    async with attempts.db.system_transaction() as conn:
        if not await breakers.alone(conn):
            return 0
        return await step(conn, attempts.clock())
