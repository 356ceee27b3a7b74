"""For the operator: the state of all services, deliveries by state, dead letters and their requeue."""

import asyncio
import logging

from aiokafka.errors import KafkaError
from fastapi import APIRouter
from fastapi.responses import Response

from services.portal.store import dashboard
from services.portal.web.owners import Owner, health_of
from services.portal.web.visitor import Operator
from shared.letters import Letter, letters_of, put_back
from shared.problems import NotFound
from shared.settings import KafkaSettings

log = logging.getLogger(__name__)

router = APIRouter(include_in_schema=False)

OWNERS: tuple[Owner, ...] = ("identity", "billing", "delivery")
SERVICES = ("identity", "portal", "billing", "delivery")
NEWEST = 50
"""Letters that are shown of each partition."""
BROKER_SECONDS = 8.0


@router.get("/operations")
async def operations(visitor: Operator) -> Response:
    """Everything at a glance; a part that doesn't answer says so, and the others are shown."""
    state = visitor.request.app.state
    asked = [health_of(state.owners, owner) for owner in OWNERS]
    states, letters, own = await asyncio.gather(
        asyncio.gather(*asked), _all_letters(state.service.kafka), state.service.health()
    )
    async with state.service.database.system_transaction() as conn:
        deliveries = await dashboard.everywhere(conn)
    return visitor.page(
        "operations.html", services=[own, *states], letters=letters, deliveries=deliveries
    )


@router.post("/operations/dead-letters")
async def requeue(visitor: Operator) -> Response:
    """Put one letter of a service back (`at`), or all."""
    service, at = visitor.field("service"), visitor.field("at")
    if service not in SERVICES:
        raise NotFound
    kafka = visitor.request.app.state.service.kafka
    chosen = [x for x in await letters_of(kafka, service) if at in ("", x.at)]
    await put_back(kafka, service, chosen)
    log.info("%d dead letters of %s put back by %s", len(chosen), service, visitor.me.actor)
    return visitor.go("/operations", "requeued")


async def _all_letters(kafka: KafkaSettings) -> dict[str, list[Letter]] | None:
    """By service, the newest; None while the broker is away."""
    try:
        async with asyncio.timeout(BROKER_SECONDS):
            return {service: await _letters(kafka, service) for service in SERVICES}
    except (KafkaError, OSError, TimeoutError) as error:
        log.warning("dead letters can't be read: %s", type(error).__name__)
        return None


async def _letters(kafka: KafkaSettings, service: str) -> list[Letter]:
    try:
        return (await letters_of(kafka, service, NEWEST))[::-1]
    except LookupError:
        return []
