"""Wiring of the portal."""

from fastapi import FastAPI

from services.portal.projections import consumers
from services.portal.routes import api
from services.portal.settings import PortalSettings
from shared.clock import system_clock
from shared.service import Service, make_app
from shared.settings import KafkaSettings


def create_app(
    settings: PortalSettings | None = None, kafka: KafkaSettings | None = None
) -> FastAPI:
    """The service as an ASGI application; settings come from the environment unless given."""
    settings = settings or PortalSettings()
    service = Service("portal", settings, kafka or KafkaSettings(), consumers)
    app = make_app(service, version="1.0.0")
    app.state.settings, app.state.clock = settings, system_clock
    app.include_router(api.router)
    return app
