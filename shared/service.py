"""What every service is made of: HTTP that answers at once, and a start that waits for its parts.

Services start in any order, also before their database or broker: until everything is there the
health page says what is missing and requests are answered 503.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.telemetry import TelemetryConfig

from shared import edge, http, inbox, metrics, outbox, telemetry, waiting
from shared.access.guard import Guard
from shared.access.keys import Keys
from shared.bus import Bus, LaneHealth
from shared.contracts.registry import published_by
from shared.database import UNAVAILABLE, Database, connect_when_there
from shared.dead_letters import DeadLetters
from shared.messaging import BatchRunner, Consumers
from shared.migrate import migrate
from shared.observing import observe
from shared.problems import NotReady
from shared.relay import Relay
from shared.settings import KafkaSettings, ServiceSettings
from shared.topics import dead_letter_topic, ensure_topics, retry_topic

log = logging.getLogger(__name__)

Background = Callable[["Service"], Awaitable[None]]

OWN_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
}
"""FastAPI's own would tell everything twice, queries (which may hold a secret) included."""

STALE_RELAY_SECONDS = 15.0


@dataclass
class Service:
    """One service in one process."""

    name: str
    settings: ServiceSettings
    kafka: KafkaSettings
    consumers: Consumers
    background: tuple[Background, ...] = ()
    """Loops that run once everything is there (workers, schedulers)."""
    on_database: tuple[Background, ...] = ()
    """Run once, when the database is there and migrated."""
    on_stop: tuple[Callable[[], Awaitable[None]], ...] = ()
    on_applied: Callable[[], None] = lambda: None
    """Called after each batch of events took effect."""
    observers: tuple[Background, ...] = ()
    """Set the figures of this service that must be asked for (shared.metrics)."""
    warnings: Callable[[], list[str]] = list
    """What an operator should look at, though the service is ready."""
    stale_poll_seconds: float = 60.0
    """A lane with partitions that hasn't heard from the broker for so long makes the service unready."""
    body_limits: Mapping[str, int] = field(default_factory=dict)
    """Paths that take larger (or smaller) bodies than the settings say, in bytes."""
    _database: Database | None = None
    keys: Keys = field(default_factory=Keys)
    relay: Relay = field(init=False)
    bus: Bus = field(init=False)
    stage: str = "starting"
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _dead_letters: DeadLetters | None = None

    def __post_init__(self) -> None:
        self.relay = Relay(self.settings.database_url.get_secret_value(), self.kafka, self.name)
        self.bus = Bus(self.consumers, self.kafka)

    @property
    def database(self) -> Database:
        """The pool; NotReady before it is open."""
        if self._database is None:
            raise NotReady
        return self._database

    @property
    def guard(self) -> Guard:
        """Who is calling, decided from this service's own tables."""
        return Guard(self.database, keys=self.keys)

    async def start(self) -> None:
        """Begin in the background; returns at once."""
        self._spawn(self._boot_or_say_why(), "boot")

    async def _boot_or_say_why(self) -> None:
        """What can't mend itself (a missing rule set, a changed migration) is said where operators look."""
        try:
            await self._boot()
        except Exception as error:
            self.stage = f"could not start: {type(error).__name__}: {error}"
            raise

    async def _boot(self) -> None:
        runtime = self.settings.database_url.get_secret_value()
        self.stage = "waiting for the database"
        if self.settings.owner_database_url is not None:
            await self._migrate(self.settings.owner_database_url.get_secret_value(), runtime)
        self._database = await connect_when_there(
            runtime, min_size=self.settings.pool_min, max_size=self.settings.pool_max
        )
        for prepare in self.on_database:
            await prepare(self)
        self.stage = "waiting for the broker"
        heard = (s.kind for s in self.consumers.subscriptions.values())
        own = (dead_letter_topic(self.name), retry_topic(self.name))
        await ensure_topics(self.kafka, [*published_by(self.name), *heard], own)
        self._spawn(self.relay.run(), "relay")
        if self.consumers.subscriptions:
            self._dead_letters = DeadLetters(self.name, self.kafka)
            runner = BatchRunner(self.consumers, self.database, self._dead_letters, self._applied)
            self.bus.subscribe(runner)
            await self.bus.start()
        observing = (observe,) if metrics.wanted() else ()
        for loop in (*self.background, keep_house, *observing):
            self._spawn(self._guarded(loop), getattr(loop, "__name__", "background"))
        self.stage = "ready"
        log.info("%s is ready", self.name)

    def _applied(self) -> None:
        self.relay.wake()
        self.on_applied()

    async def _migrate(self, owner: str, runtime: str) -> None:
        while True:
            try:
                await migrate(owner, runtime, self.name)
            except UNAVAILABLE as error:
                log.warning("database not there yet: %s", type(error).__name__)
                await asyncio.sleep(0.3)
            else:
                return

    async def _guarded(self, loop: Background) -> None:
        """A background loop outlives what goes wrong in one of its rounds."""
        while True:
            try:
                with waiting.unless_cut_off():
                    await loop(self)
            except Exception:
                log.exception("a background loop begins again")
            await asyncio.sleep(1)

    def _spawn(self, work: Any, name: str) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work, name=name)
        task.add_done_callback(_report)
        self._tasks.append(task)

    async def stop(self) -> None:
        """Finish the batch in hand, publish nothing half, close everything."""
        self.stage = "stopping"
        await self.bus.stop()
        await waiting.end(reversed(self._tasks))
        for end in self.on_stop:
            await end()
        if self._dead_letters is not None:
            await self._dead_letters.close()
        if self._database is not None:
            await self._database.close()

    async def health(self) -> dict[str, Any]:
        """What an operator wants to know: stage, lag by lane, last polls, the relay's age, why this
        process isn't ready, and what to look at although it is."""
        lanes = await self.bus.health() if self.stage == "ready" else {}
        return {
            "service": self.name,
            "stage": self.stage,
            "relay": {
                "leading": self.relay.leading,
                "age_seconds": round(self.relay.age, 3),
                "published": self.relay.published,
            },
            "lanes": {
                lane: {
                    "lag": h.lag,
                    "assigned": h.assigned,
                    "seconds_since_poll": round(h.seconds_since_poll, 1),
                }
                for lane, h in lanes.items()
            },
            "problems": await self._problems(lanes),
            "warnings": self.warnings(),
        }

    async def _problems(self, lanes: dict[str, LaneHealth]) -> list[str]:
        """Why this process isn't ready; empty when it is."""
        if self.stage != "ready":
            return [self.stage]
        found = [
            f"the lane {lane} hasn't heard from the broker for {health.seconds_since_poll:.0f} s"
            for lane, health in lanes.items()
            if health.assigned and health.seconds_since_poll > self.stale_poll_seconds
        ]
        if self.relay.age > STALE_RELAY_SECONDS:
            found.append("the relay makes no progress")
        try:
            await asyncio.wait_for(self.database.pool.fetchval("SELECT 1"), 2)
        except UNAVAILABLE:
            found.append("the database doesn't answer")
        return found


async def keep_house(service: Service) -> None:
    """Once an hour, forget what the settings let go."""
    while True:
        async with service.database.system_transaction() as conn:
            await inbox.prune(conn, service.settings.inbox_days)
            await outbox.prune(conn, service.settings.outbox_days)
        await asyncio.sleep(3600)


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.critical("task %s ended: %r", task.get_name(), error, exc_info=error)


def make_app(service: Service, **options: Any) -> FastAPI:
    """The service's HTTP application: problems, health, and the service's life tied to its own."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        telemetry.set_up(service.name)
        await service.start()
        try:
            yield
        finally:
            await service.stop()

    title = f"Facteur {service.name}"
    # FastAPI's own pages for the API run scripts from elsewhere; the contract is /openapi.json
    no_pages: dict[str, Any] = {"docs_url": None, "redoc_url": None}
    app = FastAPI(title=title, lifespan=lifespan, telemetry=OWN_TELEMETRY, **no_pages | options)
    app.state.service = service
    http.install(app)
    app.add_middleware(
        edge.Edge, max_body=service.settings.max_body_bytes, body_limits=service.body_limits
    )
    _add_health(app, service)
    return app


def _add_health(app: FastAPI, service: Service) -> None:
    @app.get("/health/live", include_in_schema=False)
    async def live() -> dict[str, str]:
        return {"status": "live"}

    @app.get("/health/ready", include_in_schema=False)
    async def ready(request: Request) -> JSONResponse:  # noqa: ARG001
        body = await service.health()
        return JSONResponse(body, status_code=503 if body["problems"] else 200)
