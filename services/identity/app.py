"""Wiring of identity."""

from fastapi import FastAPI

from services.identity.commands.keys import signing_key
from services.identity.commands.mail import Postman
from services.identity.consumers import consumers
from services.identity.routes import companies, me, privacy, sessions, users
from services.identity.settings import IdentitySettings
from shared.clock import system_clock
from shared.secretbox import load_box
from shared.service import Service, make_app
from shared.settings import KafkaSettings


def create_app(
    settings: IdentitySettings | None = None, kafka: KafkaSettings | None = None
) -> FastAPI:
    """The service as an ASGI application; settings come from the environment unless given."""
    settings = settings or IdentitySettings()
    box = load_box(settings.master_key_file)

    async def first_key(service: Service) -> None:
        async with service.database.system_transaction() as conn:
            await signing_key(conn, box, system_clock)

    async def send_mail(service: Service) -> None:
        await Postman(service.database, box, settings.smtp or {}, system_clock).run()

    service = Service(
        "identity",
        settings,
        kafka or KafkaSettings(),
        consumers,
        on_database=(first_key,),
        background=(send_mail,) if settings.smtp else (),
    )
    app = make_app(service, version="1.0.0")
    app.state.box, app.state.settings, app.state.clock = box, settings, system_clock
    app.include_router(sessions.router)
    app.include_router(me.router)
    app.include_router(companies.router)
    app.include_router(users.router)
    app.include_router(privacy.router)
    return app
