"""A worker: takes what is due on its channels, keeps so many deliveries under way, never twice one.

Workers join no consumer group; any number may run, on any machine that reaches the database.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from uuid import UUID

import asyncpg

from services.delivery.commands.attempts import Attempts
from services.delivery.domain.outcome import Channel, ChannelName
from services.delivery.pulse import Pulse
from services.delivery.store import work
from services.delivery.store.work import Leased
from shared import metrics
from shared.clock import Clock
from shared.database import AWAY, Database
from shared.waiting import rest, told_to_end, unless_cut_off

log = logging.getLogger(__name__)

POLL_SECONDS = 0.5
RECLAIM_SECONDS = 5.0
CHORE_SECONDS = 2.0


@dataclass
class Worker:
    """`run()` until cancelled; cancelling lets what is under way finish for `grace` seconds."""

    db: Database
    url: str
    channels: dict[ChannelName, Channel]
    attempts: Attempts
    clock: Clock
    in_flight: int
    lease: timedelta
    chores: Mapping[str, Callable[[], Awaitable[None]]] = field(default_factory=dict)
    """What else has its turn every other second: whoever comes first does it for all workers."""
    pulse: Pulse = field(default_factory=Pulse)
    grace: float = 20.0
    delivered: int = 0
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _given_up: list[tuple[UUID, int]] = field(default_factory=list)
    """Deliveries that this worker leased and couldn't begin: the database was away."""
    _running: dict[tuple[UUID, int], "asyncio.Task[None]"] = field(default_factory=dict)

    async def run(self) -> None:
        """Work for ever."""
        ear = asyncio.create_task(self._for_ever("waking", self._listen, 1.0))
        keeper = asyncio.create_task(self._for_ever("leases", self._keep_leases, self._keep_every))
        chores = [
            asyncio.create_task(self._for_ever(name, turn, CHORE_SECONDS))
            for name, turn in self.chores.items()
        ]
        try:
            await self._for_ever("work", self._take, 0)
        finally:
            for task in (ear, *chores):
                task.cancel()
            await self._drain()
            keeper.cancel()
            for channel in self.channels.values():
                await channel.close()

    async def _for_ever(self, name: str, turn: Callable[[], Awaitable[None]], pause: float) -> None:
        """One of the worker's loops: whatever a turn fails with, there is another one, unless the worker
        was told to end, even if the turn forgot it."""
        self.pulse.beat(name)
        while not told_to_end():
            try:
                with unless_cut_off():
                    await turn()
            except AWAY as error:
                log.warning("%s: the database is waited for: %s", name, type(error).__name__)
                await asyncio.sleep(0.5)
            except Exception:
                log.exception("%s: a turn failed, and another one follows", name)
                await asyncio.sleep(0.5)
            self.pulse.beat(name)
            await asyncio.sleep(pause)

    async def _take(self) -> None:
        """Lease as much as there is room for, then rest until there is more or the next poll."""
        self._woken.clear()
        room = self.in_flight - len(self._running)
        if room > 0:
            async with self.db.system_statement() as conn:
                now = self.clock()
                leased = await work.lease(conn, list(self.channels), now, now + self.lease, room)
            for delivery in leased:
                self._begin(delivery)
        await rest(self._woken, POLL_SECONDS)

    def _begin(self, delivery: Leased) -> None:
        held = (delivery.delivery_id, delivery.fence)
        task = asyncio.create_task(self._one(delivery))
        self._running[held] = task
        metrics.in_flight.add(1)
        task.add_done_callback(partial(self._done, held))

    async def _one(self, leased: Leased) -> None:
        try:
            await self.attempts.make(self.channels[leased.channel], leased)  # type: ignore[index]
            self.delivered += 1
        except AWAY as error:
            # what is sent is written down however long that takes: so nothing was
            self._given_up.append((leased.delivery_id, leased.fence))
            log.warning(
                "delivery %s is taken up again: %s", leased.delivery_id, type(error).__name__
            )
        except Exception:
            log.exception("delivery %s is taken up again when its lease ends", leased.delivery_id)

    def _done(self, held: tuple[UUID, int], _: "asyncio.Task[None]") -> None:
        self._running.pop(held, None)
        metrics.in_flight.add(-1)
        self._woken.set()

    async def _listen(self) -> None:
        """Woken by the planner, until the connection is lost: a new delivery needn't wait for the next
        poll."""
        conn = await asyncpg.connect(self.url, timeout=5, command_timeout=5)
        lost = asyncio.Event()
        conn.add_termination_listener(lambda _: lost.set())
        try:
            for channel in self.channels:
                await conn.add_listener(f"due_{channel}", lambda *_: self._woken.set())
            self._woken.set()
            while not lost.is_set():
                self.pulse.beat("waking")
                await rest(lost, 10)
                # a line that was cut without a word shows only when it is used
                await conn.execute("SELECT 1")
        finally:
            conn.terminate()

    @property
    def _keep_every(self) -> float:
        return min(RECLAIM_SECONDS, self.lease.total_seconds() / 4)

    async def _keep_leases(self) -> None:
        """Extend the leases of what is under way; take back those of workers that died."""
        async with self.db.system_statement() as conn:
            now = self.clock()
            if self._given_up:
                given_up = list(self._given_up)
                await work.give_back(conn, given_up, now)
                self._given_up = [held for held in self._given_up if held not in given_up]
                self._woken.set()
            if self._running:
                await work.extend(conn, list(self._running), now + self.lease)
            if await work.reclaim(conn, list(self.channels), now):
                self._woken.set()

    async def _drain(self) -> None:
        if self._running:
            await asyncio.wait(list(self._running.values()), timeout=self.grace)
