"""Wiring of the portal."""

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.staticfiles import StaticFiles

from services.portal.audit import watch_chain
from services.portal.checkpoints import keep_sealing, sealing_keys
from services.portal.deployer import Deployer
from services.portal.live import Live
from services.portal.projections import consumers
from services.portal.routes import api, audit, deployments
from services.portal.routes.pages import (
    account,
    companies,
    company_settings,
    customers,
    dashboard,
    deployment,
    drafts,
    errors,
    events,
    invoices,
    legal,
    mass_deployment,
    me,
    operations,
    overview,
    own_billing,
    products,
    profiles,
    security,
    sign_in,
    sign_up,
    support,
    users,
)
from services.portal.routes.pages import audit as audit_pages
from services.portal.settings import PortalSettings
from services.portal.web.edge import PageEdge
from services.portal.web.owners import open_owners
from shared.clock import system_clock
from shared.service import Service, make_app
from shared.settings import KafkaSettings

PAGES = (
    audit_pages,
    operations,
    dashboard,
    account,
    events,
    mass_deployment,
    sign_in,
    sign_up,
    me,
    security,
    deployment,
    legal,
    companies,
    users,
    profiles,
    company_settings,
    own_billing,
    support,
    customers,
    products,
    drafts,
    invoices,
    overview,
)


def create_app(
    settings: PortalSettings | None = None, kafka: KafkaSettings | None = None
) -> FastAPI:
    """The service as an ASGI application; settings come from the environment unless given."""
    settings = settings or PortalSettings()
    service = Service("portal", settings, kafka or KafkaSettings(), consumers)
    app = make_app(service, version="1.0.0")
    app.state.settings, app.state.clock = settings, system_clock
    urls = {
        "identity": settings.identity_url,
        "billing": settings.billing_url,
        "delivery": settings.delivery_url,
    }
    app.state.owners = open_owners(urls, settings.owner_timeout_seconds)
    app.state.live = live = Live()
    app.state.deployer = deployer = Deployer(system_clock)
    keys = sealing_keys(settings.master_key_file)
    sealing = (keep_sealing(keys.checkpoints[-1]),) if keys.checkpoints else ()
    service.background = (live.poll, deployer.run, watch_chain(keys), *sealing)
    service.on_database = (_listen_for_the_end(live),)
    service.on_stop = (app.state.owners.client.aclose,)
    app.include_router(api.router)
    app.include_router(audit.router)
    app.include_router(deployments.router)
    for module in PAGES:
        app.include_router(module.router)
    errors.install(app)
    edge = Middleware(PageEdge, secure=settings.secure_cookies, unexpected=errors.unexpected)
    app.user_middleware.append(edge)
    _serve_files(app)
    return app


def _listen_for_the_end(live: Live):  # type: ignore[no-untyped-def]
    async def listen(_: Service) -> None:
        live.close_at_sigterm()

    return listen


def _serve_files(app: FastAPI) -> None:
    """Our own files, and those of the wheels that bring Tabler and htmx; nothing is copied."""
    tabler = StaticFiles(packages=[("starlette_admin", "static")])
    htmx = StaticFiles(packages=[("django_htmx", "static/django_htmx")])
    app.mount("/static/tabler", tabler, name="tabler")
    app.mount("/static/htmx", htmx, name="htmx")
    app.mount("/static/portal", StaticFiles(packages=[("services.portal", "static")]), name="own")
