"""What anybody may ask for, an account or a letter: so many an hour from one network."""

from datetime import datetime, timedelta

from services.identity.commands.attempts import Origin
from services.identity.domain.errors import TooManyAsked
from services.identity.store import registrations
from shared.clock import Clock
from shared.database import Connection, Database
from shared.origin import network_of

WINDOW = timedelta(hours=1)


async def may_ask(db: Database, origin: Origin, clock: Clock) -> None:
    """Count it; TooManyAsked beyond the limit, whoever it is about."""
    async with db.system_transaction() as conn:
        await _count(conn, origin, clock())


async def _count(conn: Connection, origin: Origin, now: datetime) -> None:
    network = network_of(origin.address)
    await registrations.forget_asked(conn, now - WINDOW)
    if await registrations.asked(conn, network, now - WINDOW) >= origin.limits.asked_per_network:
        raise TooManyAsked(headers={"Retry-After": str(int(WINDOW.total_seconds()))})
    await registrations.ask(conn, network, now)
