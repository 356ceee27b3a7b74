"""Wiring of billing."""

from fastapi import FastAPI

from services.billing.consumers import consumers
from services.billing.figures import count_renderings
from services.billing.renderer import Renderer
from services.billing.routes import customers, invoices, products
from services.billing.settings import BillingSettings
from shared.clock import system_clock
from shared.einvoice.rules import Validator
from shared.service import Service, make_app
from shared.settings import KafkaSettings


def create_app(
    settings: BillingSettings | None = None, kafka: KafkaSettings | None = None
) -> FastAPI:
    """The service as an ASGI application; settings come from the environment unless given."""
    settings = settings or BillingSettings()
    validator = Validator(workers=settings.rule_workers)
    renderers: list[Renderer] = []

    async def load_rules(_: Service) -> None:
        await validator.start()

    async def render_documents(service: Service) -> None:
        renderer = Renderer(service.database, settings.render_workers)
        renderers[:] = [renderer]
        await renderer.run()

    def issued() -> None:
        service.relay.wake()
        for renderer in renderers:
            renderer.busy()

    def needed() -> None:
        for renderer in renderers:
            renderer.wake()

    service = Service(
        "billing",
        settings,
        kafka or KafkaSettings(),
        consumers,
        background=(render_documents,),
        on_database=(load_rules,),
        on_stop=(validator.close,),
        observers=(count_renderings,),
        on_applied=needed,
    )
    app = make_app(service, version="1.0.0")
    app.state.validator, app.state.settings, app.state.clock = validator, settings, system_clock
    app.state.issued, app.state.needed = issued, needed
    app.include_router(customers.router)
    app.include_router(products.router)
    app.include_router(invoices.router)
    return app
