"""How much is under way, counted over an index of what isn't delivered yet."""

from datetime import datetime
from typing import Final

from shared.database import Connection

OPEN_STATES: Final = (
    "waiting", "due", "leased", "sending", "unknown", "settling", "exhausted", "refused", "undecided",
    "bounced",
)  # fmt: skip
"""Every state but the two ends of a delivery, delivered and cancelled."""


async def open_deliveries(conn: Connection) -> dict[tuple[str, str], int]:
    """By channel and state."""
    records = await conn.fetch(
        "SELECT channel, state, count(*) AS deliveries FROM delivery "
        "WHERE state NOT IN ('delivered', 'cancelled') GROUP BY channel, state"
    )
    return {(r["channel"], r["state"]): r["deliveries"] for r in records}


async def open_breakers(conn: Connection, now: datetime) -> int:
    """Endpoints that are left alone at present."""
    found: int = await conn.fetchval("SELECT count(*) FROM endpoint WHERE open_until > $1", now)
    return found


async def parked(conn: Connection) -> dict[str, int]:
    """What waits behind circuit breakers, by channel; counted over an index of just that."""
    records = await conn.fetch(
        "SELECT channel, count(*) AS deliveries FROM delivery "
        "WHERE state IN ('due', 'unknown') AND parked_at IS NOT NULL GROUP BY channel"
    )
    return {r["channel"]: r["deliveries"] for r in records}
