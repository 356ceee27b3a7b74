"""Wiring of delivery: the service (HTTP, topics, access point) and its workers."""

from datetime import timedelta
from pathlib import Path

from fastapi import FastAPI

from services.delivery.channels.registry import build
from services.delivery.commands.attempts import Attempts
from services.delivery.commands.receive import Reception
from services.delivery.consumers import consumers
from services.delivery.domain.outcome import ChannelName
from services.delivery.domain.schedule import load_schedule
from services.delivery.peppol.as4_in import Receiver
from services.delivery.routes import api, as4
from services.delivery.settings import DeliverySettings
from services.delivery.wake import Alarm
from services.delivery.worker import Worker
from shared.clock import system_clock
from shared.database import connect_when_there
from shared.einvoice.rules import Validator
from shared.secretbox import load_box
from shared.service import Service, make_app
from shared.settings import KafkaSettings


def create_app(
    settings: DeliverySettings | None = None, kafka: KafkaSettings | None = None
) -> FastAPI:
    """The service as an ASGI application; settings come from the environment unless given."""
    settings = settings or DeliverySettings()
    validator = Validator(workers=settings.rule_workers)
    alarm = Alarm()

    def planned() -> None:
        service.relay.wake()
        alarm.ring()

    service = Service(
        "delivery",
        settings,
        kafka or KafkaSettings(),
        consumers,
        background=(alarm.run,),
        on_stop=(validator.close,),
        on_applied=alarm.ring,
    )
    app = make_app(service, version="1.0.0")
    app.state.box, app.state.clock = load_box(settings.master_key_file), system_clock
    app.state.planned = planned
    app.state.reception = _reception(service, settings, validator)
    app.include_router(api.router)
    app.include_router(as4.router)
    return app


def _reception(service: Service, settings: DeliverySettings, validator: Validator):  # type: ignore[no-untyped-def]
    if settings.peppol is None:
        return None
    receiver = Receiver(settings.peppol.identity, settings.peppol.ap_trust, serves=lambda _: True)
    return lambda: Reception(service.database, receiver, validator, system_clock)


async def run_worker(settings: DeliverySettings, channels: list[ChannelName]) -> None:
    """A worker of these channels, until cancelled; waits for the database as long as it takes."""
    url = settings.database_url.get_secret_value()
    db = await connect_when_there(url, min_size=1, max_size=max(4, settings.in_flight // 2))
    lease = timedelta(seconds=settings.lease_seconds)
    attempts = Attempts(
        db,
        load_box(settings.master_key_file),
        load_schedule(Path(settings.retries_file)),
        system_clock,
        lease,
    )
    built = {name: build(name, settings) for name in channels}
    worker = Worker(db, url, built, attempts, system_clock, settings.in_flight, lease)
    try:
        await worker.run()
    finally:
        await db.close()
