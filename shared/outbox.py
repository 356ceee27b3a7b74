"""The outbox: an event commits with the change that it tells of, or not at all."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared.clock import Clock, system_clock
from shared.database import Connection
from shared.events import MAX_EVENT_BYTES, Actor, Envelope, Event
from shared.ids import new_id
from shared.origin import current_origin
from shared.problems import Problem

_propagator = TraceContextTextMapPropagator()


class EventTooLarge(Problem):
    """With everything that must be told of it, this document is larger than a record may be; take
    attachments out, or divide it. Nothing was changed."""

    status, slug, title = 413, "document-too-large", "Document too large"


async def append(
    conn: Connection,
    event: Event,
    *,
    actor: Actor,
    aggregate_version: int,
    cause: UUID | None = None,
    company_id: UUID | None = None,
    clock: Clock = system_clock,
) -> Envelope:
    """Write `event` into the outbox of the transaction on `conn`; returns its envelope.

    Call it while holding the lock of the event's aggregate: that, and nothing else, keeps the
    order of one aggregate's events. `company_id` defaults to the event's own field of that name.
    EventTooLarge, before anything is written: the broker would refuse it for ever.
    """
    envelope = _sealed(event, actor, aggregate_version, cause, company_id, clock)
    await insert(conn, envelope, _payload(event))
    return envelope


async def append_many(
    conn: Connection,
    events: Sequence[tuple[Event, int]],
    *,
    actor: Actor,
    clock: Clock = system_clock,
    within: Sequence[tuple[UUID | None, str | None]] = (),
) -> list[Envelope]:
    """Write events, each with its aggregate's version, in one round trip; returns their envelopes.
    `within`: of each its cause and its traceparent, where they aren't those of the present span."""
    envelopes = [_sealed(event, actor, version, None, None, clock) for event, version in events]
    if within:
        envelopes = [
            replace(envelope, cause=cause, traceparent=traceparent)
            for envelope, (cause, traceparent) in zip(envelopes, within, strict=True)
        ]
    await conn.executemany(
        "INSERT INTO outbox (event_id, topic, key, headers, payload, created_at) "
        "VALUES ($1, $2, $3, $4, $5, $6)",
        [
            (e.event_id, e.topic, e.key, e.headers(), _payload(event), e.time)
            for e, (event, _) in zip(envelopes, events, strict=True)
        ],
    )
    return envelopes


def _sealed(
    event: Event,
    actor: Actor,
    aggregate_version: int,
    cause: UUID | None,
    company_id: UUID | None,
    clock: Clock,
) -> Envelope:
    return Envelope(
        event_id=new_id(),
        topic=event.topic,
        version=event.version,
        key=str(event.key),
        time=clock(),
        source=f"/facteur/{event.publisher}",
        aggregate_version=aggregate_version,
        actor=actor,
        cause=cause,
        company_id=company_id or getattr(event, "company_id", None),
        traceparent=current_traceparent(),
        origin=current_origin(),
    )


def _payload(event: Event) -> bytes:
    payload = event.model_dump_json().encode()
    if len(payload) > MAX_EVENT_BYTES:
        raise EventTooLarge(size=len(payload), limit=MAX_EVENT_BYTES)
    return payload


async def insert(conn: Connection, envelope: Envelope, payload: bytes) -> None:
    """One row; the relay publishes it."""
    await conn.execute(
        "INSERT INTO outbox (event_id, topic, key, headers, payload, created_at) "
        "VALUES ($1, $2, $3, $4, $5, $6)",
        envelope.event_id,
        envelope.topic,
        envelope.key,
        envelope.headers(),
        payload,
        envelope.time,
    )


def current_traceparent() -> str | None:
    """The W3C traceparent of the current span, if any is recording."""
    if not trace.get_current_span().get_span_context().is_valid:
        return None
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get("traceparent")


@dataclass(frozen=True)
class Pending:
    """What the relay has yet to publish."""

    count: int
    oldest_seconds: float


async def pending(conn: Connection) -> Pending:
    """How much waits, and for how long the oldest has; 0 when nothing does."""
    record = await conn.fetchrow(
        "SELECT count(*) AS count, "
        "  coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 AS oldest_seconds "
        "FROM outbox WHERE published_at IS NULL"
    )
    assert record is not None  # noqa: S101 — an aggregate always gives one row
    return Pending(**record)


async def republish(conn: Connection, topic: str | None = None) -> int:
    """Have published rows sent again (all, or one topic's), with their original ids; returns how many."""
    done = await conn.execute(
        "UPDATE outbox SET published_at = NULL "
        "WHERE published_at IS NOT NULL AND ($1::text IS NULL OR topic = $1)",
        topic,
    )
    return int(done.split()[-1])


async def prune(conn: Connection, days: int) -> int:
    """Remove published rows older than `days`, but for the newest of each aggregate and topic: from
    those a new listener still learns the present state. Returns how many."""
    done = await conn.execute(
        "DELETE FROM outbox o WHERE o.published_at < now() - make_interval(days => $1) "
        "AND EXISTS (SELECT FROM outbox n WHERE n.topic = o.topic AND n.key = o.key "
        "            AND n.position > o.position)",
        days,
    )
    return int(done.split()[-1])
