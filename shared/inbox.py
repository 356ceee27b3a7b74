"""The inbox: which events this service has taken in. It spares work; it may be pruned, because
effects are idempotent by their own keys and versions."""

from collections.abc import Sequence
from uuid import UUID

from shared.database import Connection


async def add(conn: Connection, consumer: str, event_ids: Sequence[UUID]) -> set[UUID]:
    """Note `event_ids`; returns those that are new."""
    rows = await conn.fetch(
        "INSERT INTO inbox (consumer, event_id) SELECT $1, unnest($2::uuid[]) "
        "ON CONFLICT DO NOTHING RETURNING event_id",
        consumer,
        list(dict.fromkeys(event_ids)),
    )
    return {row["event_id"] for row in rows}


async def prune(conn: Connection, days: int) -> int:
    """Forget what is older than `days`; returns how many."""
    done = await conn.execute(
        "DELETE FROM inbox WHERE received_at < now() - make_interval(days => $1)", days
    )
    return int(done.split()[-1])
