"""What anybody may ask for, an account or a letter: so many an hour from one network."""

from datetime import timedelta

from services.identity.commands.attempts import Origin
from services.identity.domain.errors import TooManyAsked
from services.identity.store import registrations
from shared.clock import Clock
from shared.database import Database
from shared.origin import network_of

WINDOW = timedelta(hours=1)


async def may_ask(db: Database, origin: Origin, clock: Clock) -> None:
    """Count it; TooManyAsked beyond the limit, whoever it is about."""
    network, now = network_of(origin.address), clock()
    async with db.system_transaction() as conn:
        await registrations.forget_asked(conn, now - WINDOW)
        asked = await registrations.asked(conn, network, now - WINDOW)
        if asked >= origin.limits.asked_per_network:
            raise TooManyAsked(headers={"Retry-After": str(int(WINDOW.total_seconds()))})
        await registrations.ask(conn, network, now)
