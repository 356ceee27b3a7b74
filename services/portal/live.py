"""Pages that change by themselves: one poller a process, whoever is watching; access is looked at
again every round."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from services.portal.store import dashboard, deployments, readmodels
from shared.access.guard import Principal
from shared.access.rights import MASS_DEPLOYMENT
from shared.database import UNAVAILABLE, Connection
from shared.problems import Problem
from shared.service import Service

log = logging.getLogger(__name__)

TICK_SECONDS = 0.4
COMMENT_EVERY_SECONDS = 15.0
MAX_WATCHERS = 2000

Kind = Literal["timeline", "deployment", "company", "firm"]

PULSES: dict[Kind, Callable[[Connection, list[UUID]], Awaitable[dict[UUID, int]]]] = {
    "timeline": readmodels.changes,
    "deployment": deployments.pulses,
    "company": dashboard.pulses,
    "firm": dashboard.firm_pulses,
}
"""Of each kind of thing that is watched: a number for each that changes with every change."""


def _invoices(principal: Principal) -> bool:
    return principal.billing and "invoices" in principal.apps


def _counts(principal: Principal) -> bool:
    return principal.billing and "statistics" in principal.apps


def _deploys(principal: Principal) -> bool:
    return principal.of_firm and MASS_DEPLOYMENT in principal.rights


def _of_a_firm(principal: Principal) -> bool:
    return principal.of_firm


MAY: dict[Kind, Callable[[Principal], bool]] = {
    "timeline": _invoices,
    "deployment": _deploys,
    "company": _counts,
    "firm": _of_a_firm,
}
"""Who may go on watching; whose thing it is was checked when the stream began."""


@dataclass(frozen=True)
class Subject:
    """What a page shows."""

    kind: Kind
    id: UUID


@dataclass(eq=False)
class Watcher:
    """One open stream: who watches what."""

    token: str
    subject: Subject
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
                    log.warning("open pages wait for the database: %s", type(error).__name__)

    async def _round(self, service: Service) -> None:
        watching = list(self.watchers)
        standing = {token: await _standing(service, token) for token in {w.token for w in watching}}
        newest = await _newest(service, {w.subject for w in watching})
        for watcher in watching:
            principal = standing[watcher.token]
            if (
                principal is None
                or principal.two_factor_pending
                or not MAY[watcher.subject.kind](principal)
            ):
                watcher.tell(None)
            elif newest.get(watcher.subject, 0) != watcher.seen:
                watcher.seen = newest.get(watcher.subject, 0)
                watcher.tell("changed")

    async def watch(self, token: str, subject: Subject, seen: int) -> AsyncIterator[str]:
        """The lines of a text/event-stream (WHATWG HTML §9.2)."""
        watcher = Watcher(token, subject, seen)
        if self.closing or len(self.watchers) >= MAX_WATCHERS:
            return
        self.watchers.add(watcher)
        try:
            yield "retry: 2000\n\n"
            while True:
                try:
                    async with asyncio.timeout(COMMENT_EVERY_SECONDS):
                        event = await watcher.events.get()
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


async def _newest(service: Service, subjects: set[Subject]) -> dict[Subject, int]:
    found: dict[Subject, int] = {}
    async with service.database.system_transaction() as conn:
        for kind, pulses in PULSES.items():
            wanted = [s.id for s in subjects if s.kind == kind]
            if wanted:
                counts = await pulses(conn, wanted)
                found |= {Subject(kind, i): n for i, n in counts.items()}
    return found


async def _standing(service: Service, token: str) -> Principal | None:
    """Who watches; None for a token that has ended: that closes the stream, and the browser comes
    back with a fresh one."""
    try:
        return await service.guard.principal(token)
    except Problem:
        return None
