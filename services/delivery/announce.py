"""Telling what becomes of a delivery. A version step has room for two events: the attempt, then its end."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from services.delivery.domain.outcome import Delivered
from services.delivery.store.breakers import Turned
from services.delivery.store.deliveries import DeliveryRow
from services.delivery.store.work import Leased
from shared import outbox
from shared.contracts.delivery import (
    DeliveryAttempted,
    DeliveryBounced,
    DeliveryCancelled,
    DeliveryFailed,
    DeliveryParked,
    DeliveryReleased,
    DeliveryScheduled,
    DeliverySucceeded,
)
from shared.database import Connection
from shared.events import Actor, Event

SYSTEM = Actor(kind="system", id="delivery")


def _fields(row: DeliveryRow | Leased | Turned, number: str) -> dict[str, object]:
    return {
        "invoice_id": row.invoice_id,
        "company_id": row.company_id,
        "delivery_id": row.delivery_id,
        "number": number,
        "channel": row.channel,
        "target": row.target,
    }


async def scheduled(conn: Connection, row: DeliveryRow, number: str, actor: Actor = SYSTEM) -> None:
    """`delivery.scheduled`."""
    event = DeliveryScheduled.model_validate(
        {
            **_fields(row, number),
            "due_at": row.next_attempt_at,
            "resend_of": row.resend_of,
            "awaits_readable": row.state == "waiting",
        }
    )
    await outbox.append(
        conn, event, actor=actor, aggregate_version=2 * row.version, cause=row.cause
    )


async def succeeded(
    conn: Connection,
    row: DeliveryRow | Leased,
    number: str,
    outcome: Delivered,
    *,
    attempt: int,
    version: int,
    started_at: datetime,
    ended_at: datetime,
    actor: Actor = SYSTEM,
) -> None:
    """`delivery.succeeded`, with the proof, or by the word of a person."""
    event = DeliverySucceeded.model_validate(
        {
            **_fields(row, number),
            "attempt": attempt,
            "words": outcome.words,
            "proof": dict(outcome.proof),
            "started_at": started_at,
            "ended_at": ended_at,
        }
    )
    await outbox.append(
        conn, event, actor=actor, aggregate_version=2 * version + 1, cause=row.cause
    )


async def attempted(
    conn: Connection,
    row: Leased,
    number: str,
    outcome: Literal["failed", "unknown"],
    words: str,
    *,
    attempt: int,
    version: int,
    started_at: datetime,
    ended_at: datetime,
    next_attempt_at: datetime | None,
) -> None:
    """`delivery.attempted`: without proof so far."""
    event = DeliveryAttempted.model_validate(
        {
            **_fields(row, number),
            "attempt": attempt,
            "outcome": outcome,
            "words": words,
            "started_at": started_at,
            "ended_at": ended_at,
            "next_attempt_at": next_attempt_at,
        }
    )
    await outbox.append(conn, event, actor=SYSTEM, aggregate_version=2 * version, cause=row.cause)


async def failed(
    conn: Connection,
    row: Leased,
    number: str,
    reason: Literal["exhausted", "refused", "undecided"],
    words: str,
    *,
    attempt: int,
    version: int,
) -> None:
    """`delivery.failed`: nothing more happens by itself."""
    event = DeliveryFailed.model_validate(
        {**_fields(row, number), "attempt": attempt, "reason": reason, "words": words}
    )
    await outbox.append(
        conn, event, actor=SYSTEM, aggregate_version=2 * version + 1, cause=row.cause
    )


async def bounced(
    conn: Connection, row: DeliveryRow, number: str, words: str, version: int, at: datetime
) -> None:
    """`delivery.bounced`: it had been delivered, said the server."""
    event = DeliveryBounced.model_validate(
        {**_fields(row, number), "words": words, "reported_at": at}
    )
    await outbox.append(
        conn, event, actor=SYSTEM, aggregate_version=2 * version + 1, cause=row.cause
    )


async def cancelled(conn: Connection, row: DeliveryRow, number: str, actor: Actor) -> None:
    """`delivery.cancelled`; `row` is as it was before."""
    event = DeliveryCancelled.model_validate(_fields(row, number))
    await outbox.append(
        conn, event, actor=actor, aggregate_version=2 * (row.version + 1), cause=row.cause
    )


async def parked(conn: Connection, rows: Sequence[Turned], now: datetime) -> None:
    """`delivery.parked` of each, within its own trace."""
    await _each(conn, DeliveryParked, [(row, {"parked_at": now}) for row in rows])


async def released(conn: Connection, rows: Sequence[Turned]) -> None:
    """`delivery.released` of each, within its own trace."""
    further = [(r, {"attempt": r.attempt, "unsettled": r.state == "unknown"}) for r in rows]
    await _each(conn, DeliveryReleased, further)


async def _each(
    conn: Connection, kind: type[Event], rows: Sequence[tuple[Turned, dict[str, Any]]]
) -> None:
    if not rows:
        return
    events = [
        (kind.model_validate({**_fields(row, row.number), **further}), 2 * row.version)
        for row, further in rows
    ]
    within = [(row.cause, row.traceparent) for row, _ in rows]
    await outbox.append_many(conn, events, actor=SYSTEM, within=within)
