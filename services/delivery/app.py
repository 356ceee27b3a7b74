"""Wiring of delivery: HTTP, topics, access point. Its workers: workers.py."""

from fastapi import FastAPI

from services.delivery.commands.receive import Reception
from services.delivery.consumers import consumers
from services.delivery.figures import count_deliveries
from services.delivery.peppol.as4_in import MOST_MESSAGE, Receiver
from services.delivery.routes import api, as4
from services.delivery.settings import DeliverySettings
from services.delivery.wake import Alarm
from shared.clock import system_clock
from shared.einvoice.rules import Validator
from shared.secretbox import load_box
from shared.service import Service, make_app
from shared.settings import KafkaSettings

ROOM_TO_SAY_SO = 2 * 1024 * 1024
"""Bytes by which an AS4 message may be too large and still be refused by AS4's own means."""


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
        observers=(count_deliveries,),
        warnings=settings.peppol.warnings if settings.peppol else list,
        body_limits={"/as4": MOST_MESSAGE + ROOM_TO_SAY_SO},
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
