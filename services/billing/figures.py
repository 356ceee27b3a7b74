"""What billing's figures ask the database for."""

from services.billing.store import renderings
from shared import metrics
from shared.service import Service


async def count_renderings(service: Service) -> None:
    """How many documents wait to be rendered."""
    async with service.database.system_transaction() as conn:
        metrics.renderings_due.set(await renderings.count_due(conn))
