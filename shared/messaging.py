"""Consuming: batches, one transaction a batch, inbox first; one at a time when a batch fails.

Errors of our own infrastructure are retried for ever and count as nothing. A record that can't be
decoded, or that its handler rejects by its content, goes to the service's dead-letter topic with
its reason, and the partition goes on.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from shared import inbox, metrics
from shared.database import TRANSIENT, UNAVAILABLE, Connection, Database
from shared.dead_letters import DeadLetters
from shared.events import Envelope, Event, Undecodable, read_envelope, read_event
from shared.failpoints import failpoint
from shared.records import Record, origin_of, put_back_for_another
from shared.telemetry import batch_span, consumer_span
from shared.waiting import CutOff, unless_cut_off

log = logging.getLogger(__name__)

Handler = Callable[[Connection, Any, Envelope], Awaitable[None]]
Heard = tuple[Any, Envelope]
"""An event and its envelope."""
BatchHandler = Callable[[Connection, Sequence[Heard]], Awaitable[None]]

TRIES = 3


@dataclass(frozen=True)
class Pace:
    """How a lane asks the broker: it answers when it has `min_bytes` for the lane, or after `wait_ms`.

    While it waits, a partition that was just emptied isn't asked for: `wait_ms` bounds how late the
    next event of the same partition can be. An idle lane costs one question every `wait_ms`.
    """

    min_bytes: int = 1
    wait_ms: int = 500
    rest_ms: int = 0
    """The least time from one batch to the next: the first event takes effect at once, those that
    follow closely take effect together."""


PROMPT = Pace(wait_ms=100, rest_ms=40)
"""Somebody waits for each event's effect."""


def gathering(milliseconds: int) -> Pace:
    """Nobody waits: events gather for so long and take effect as one batch, which spares broker,
    service and database most of the work."""
    return Pace(1024 * 1024, milliseconds)


class Rejected(Exception):
    """A handler's word that this event's content can never be applied; its text is the reason."""


@dataclass(frozen=True)
class Subscription:
    """One handler for one kind of event: `alone` for each, or `together` for all of a batch."""

    kind: type[Event]
    lane: str
    alone: Handler | None = None
    together: BatchHandler | None = None

    @property
    def name(self) -> str:
        handler = self.alone or self.together
        return handler.__name__ if handler else ""


@dataclass(frozen=True)
class Item:
    """A decoded record and the handler it is for."""

    record: Record
    envelope: Envelope
    event: Event
    subscription: Subscription


class Consumers:
    """What one service does with what it hears. A lane is a consumer group of its own, so that a
    backlog of documents never holds up a change of access."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.subscriptions: dict[tuple[str, str], Subscription] = {}
        """By lane and topic."""
        self.paces: dict[str, Pace] = {}
        """How a lane asks the broker, where that isn't `Pace()`."""

    def on(self, kind: type[Event], *, lane: str = "facts") -> Callable[[Handler], Handler]:
        """Register a handler `(conn, event, envelope)`; one a topic in each lane."""

        def register(handler: Handler) -> Handler:
            self.subscriptions[lane, kind.topic] = Subscription(kind, lane, alone=handler)
            return handler

        return register

    def on_batch(
        self, kinds: Iterable[type[Event]], *, lane: str = "facts"
    ) -> Callable[[BatchHandler], BatchHandler]:
        """Register a handler `(conn, heard)` of these kinds' events: it gets all new ones of a batch at
        once, in order, after those that have a handler alone; a batch that fails is repeated by ones."""

        def register(handler: BatchHandler) -> BatchHandler:
            for kind in kinds:
                self.subscriptions[lane, kind.topic] = Subscription(kind, lane, together=handler)
            return handler

        return register

    def pace(self, lane: str, pace: "Pace") -> None:
        """Say how this lane asks the broker for more."""
        self.paces[lane] = pace

    def lanes(self) -> dict[str, list[str]]:
        """Topics by lane."""
        found: dict[str, list[str]] = {}
        for lane, topic in self.subscriptions:
            found.setdefault(lane, []).append(topic)
        return found

    def decode(self, record: Record, lane: str) -> Item:
        """A record as an event for its handler; Undecodable says why not."""
        topic = origin_of(record)
        subscription = self.subscriptions.get((lane, topic))
        if subscription is None:
            raise Undecodable(f"nothing here listens to {topic}")
        envelope = read_envelope(topic, record.key, record.headers)
        event = read_event(subscription.kind, envelope, record.value)
        return Item(record, envelope, event, subscription)


@dataclass
class BatchRunner:
    """Applies batches of records to a database; what FastStream calls with each batch."""

    consumers: Consumers
    database: Database
    dead_letters: DeadLetters
    on_applied: Callable[[], None] = lambda: None
    lane: str = "facts"
    applied: int = field(default=0)

    async def run(self, records: Sequence[Record]) -> None:
        """Return when every record has taken effect, was known already, or is a dead letter."""
        items = [item for record in records if (item := await self._decoded(record))]
        if not items:
            return
        failpoint("consume.before_batch")
        group = {"messaging.consumer.group.name": f"{self.consumers.service}.{self.lane}"}
        with metrics.timed(metrics.consuming, **group):
            await self._apply_all(items)
        self.applied += len(items)
        for topic, count in Counter(item.envelope.topic for item in items).items():
            metrics.consumed.add(count, {**group, "messaging.destination.name": topic})
        self.on_applied()
        failpoint("consume.after_batch")

    async def _apply_all(self, items: Sequence[Item]) -> None:
        try:
            await self._until_there(lambda: self._apply(items))
        except Exception as error:  # noqa: BLE001 — whatever one record did, the others go on
            if len(items) > 1:
                log.warning("a batch of %d is applied one by one: %r", len(items), error)
            for item in items:
                await self._apply_alone(item)

    async def _decoded(self, record: Record) -> Item | None:
        if put_back_for_another(record, self.lane):
            return None
        try:
            return self.consumers.decode(record, self.lane)
        except Undecodable as error:
            await self._set_aside(record, error.reason, "decode")
            return None

    async def _set_aside(self, record: Record, reason: str, handler: str) -> None:
        await self.dead_letters.add(record, reason=reason, handler=handler, lane=self.lane)

    async def _apply(self, items: Sequence[Item]) -> None:
        async with self.database.system_transaction() as conn:
            consumer = f"{self.consumers.service}.{self.lane}"
            new = await inbox.add(conn, consumer, [i.envelope.event_id for i in items])
            together: dict[BatchHandler, list[Item]] = {}
            for item in items:
                if item.envelope.event_id not in new:
                    continue
                new.discard(item.envelope.event_id)
                if (handler := item.subscription.together) is not None:
                    together.setdefault(handler, []).append(item)
                else:
                    await self._handle(conn, item)
            for handler, batch in together.items():
                await self._handle_batch(conn, handler, batch)
            failpoint("consume.before_commit")

    async def _handle(self, conn: Connection, item: Item) -> None:
        if item.subscription.alone is not None:
            with consumer_span(item.record, item.envelope, item.subscription.name):
                await item.subscription.alone(conn, item.event, item.envelope)

    async def _handle_batch(
        self, conn: Connection, handler: BatchHandler, items: Sequence[Item]
    ) -> None:
        envelopes = [item.envelope for item in items]
        with batch_span(envelopes, handler.__name__):
            await handler(conn, [(item.event, item.envelope) for item in items])

    async def _apply_alone(self, item: Item) -> None:
        for attempt in range(1, TRIES + 1):
            try:
                await self._until_there(lambda: self._apply([item]))
            except Rejected as error:
                reason = str(error)
            except Exception as error:  # noqa: BLE001 — the reason travels with the dead letter
                reason = f"{type(error).__name__}: {error}"
                if attempt < TRIES:
                    await asyncio.sleep(0.05 * attempt)
                    continue
            else:
                return
            await self._set_aside(item.record, reason, item.subscription.name)
            return

    async def _until_there(self, work: Callable[[], Awaitable[None]]) -> None:
        """Repeat `work` while our own database is away; deadlocks are repeated at once."""
        delay = 0.1
        while True:
            try:
                with unless_cut_off():
                    return await work()
            except TRANSIENT as error:
                log.info("repeated after %s", type(error).__name__)
            except UNAVAILABLE as error:
                if isinstance(error, asyncpg.InterfaceError) and not _connection_lost(error):
                    raise
                log.warning("database away, the batch waits: %s", type(error).__name__)
            except CutOff:
                log.exception("the batch was cut off and waits")
            await asyncio.sleep(delay)
            delay = min(delay * 2, 2.0)


def _connection_lost(error: asyncpg.InterfaceError) -> bool:
    """asyncpg raises InterfaceError for lost connections and for wrong arguments alike."""
    return "connection" in str(error) or "pool" in str(error)
