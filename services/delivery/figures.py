"""What delivery's figures ask the database for: its state, not this process's."""

from services.delivery.channels.registry import CHANNELS
from services.delivery.store import figures
from shared import metrics
from shared.clock import system_clock
from shared.service import Service


async def count_deliveries(service: Service) -> None:
    """Deliveries by channel and state, zeros too; open breakers, and what is parked behind them."""
    async with service.database.system_transaction() as conn:
        counts = await figures.open_deliveries(conn)
        parked = await figures.parked(conn)
        breakers = await figures.open_breakers(conn, system_clock())
    for channel in CHANNELS:
        for state in figures.OPEN_STATES:
            found = counts.get((channel, state), 0)
            metrics.deliveries_open.set(found, {"channel": channel, "state": state})
        metrics.deliveries_parked.set(parked.get(channel, 0), {"channel": channel})
    metrics.breakers_open.set(breakers)
