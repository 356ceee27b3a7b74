"""Live timelines: one poller a process, whoever is watching; access is looked at again every round."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from services.portal.store import readmodels
from shared.database import UNAVAILABLE
from shared.problems import Problem
from shared.service import Service

log = logging.getLogger(__name__)

TICK_SECONDS = 0.4
COMMENT_EVERY_SECONDS = 15.0
MAX_WATCHERS = 2000


@dataclass(eq=False)
class Watcher:
    """One open stream: who watches which document."""

    token: str
    invoice_id: UUID
    seen: int
    events: "asyncio.Queue[str | None]" = field(default_factory=lambda: asyncio.Queue(8))
    """What to send; None ends the stream."""

    def tell(self, event: str | None) -> None:
        """Slow readers lose nothing: one `changed` stands for all."""
        if not self.events.full():
            self.events.put_nowait(event)


@dataclass
class Live:
    """Everybody who is watching."""

    watchers: set[Watcher] = field(default_factory=set)
    closing: bool = False

    async def poll(self, service: Service) -> None:
        """The loop of the process; ends with the service."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            if self.watchers:
                try:
                    await self._round(service)
                except UNAVAILABLE as error:
                    log.warning("timelines wait for the database: %s", type(error).__name__)

    async def _round(self, service: Service) -> None:
        watching = list(self.watchers)
        allowed = {token: await _allowed(service, token) for token in {w.token for w in watching}}
        async with service.database.system_transaction() as conn:
            newest = await readmodels.changes(conn, list({w.invoice_id for w in watching}))
        for watcher in watching:
            if not allowed[watcher.token]:
                watcher.tell(None)
            elif newest.get(watcher.invoice_id, 0) != watcher.seen:
                watcher.seen = newest.get(watcher.invoice_id, 0)
                watcher.tell("changed")

    async def watch(self, token: str, invoice_id: UUID, seen: int) -> AsyncIterator[str]:
        """The lines of a text/event-stream (WHATWG HTML §9.2)."""
        watcher = Watcher(token, invoice_id, seen)
        if self.closing or len(self.watchers) >= MAX_WATCHERS:
            return
        self.watchers.add(watcher)
        try:
            yield "retry: 2000\n\n"
            while True:
                try:
                    event = await asyncio.wait_for(watcher.events.get(), COMMENT_EVERY_SECONDS)
                except TimeoutError:
                    yield ": still here\n\n"
                    continue
                if event is None:
                    return
                yield f"event: {event}\ndata: {watcher.seen}\n\n"
        finally:
            self.watchers.discard(watcher)

    def close(self) -> None:
        """End every stream: a server waits for its answers before it stops."""
        self.closing = True
        for watcher in self.watchers:
            watcher.tell(None)

    def close_at_sigterm(self) -> None:
        """Streams end with the signal; the server's own handler runs after."""
        for number in (signal.SIGTERM, signal.SIGINT):
            before = signal.getsignal(number)
            if callable(before):
                signal.signal(number, _chained(self, before))


def _chained(live: Live, before: Any) -> Any:
    def handler(number: int, frame: Any) -> None:
        live.close()
        before(number, frame)

    return handler


async def _allowed(service: Service, token: str) -> bool:
    """Whether the token still opens invoicing; one that has ended closes the stream, the browser
    comes back with a fresh one."""
    try:
        principal = await service.guard.principal(token)
    except Problem:
        return False
    return principal.billing
