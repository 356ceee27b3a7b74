"""Running one service, or a delivery worker, in this process."""

import argparse
import asyncio
import gc
import importlib
import signal
from typing import Any

from deploy.cli import health

SERVICES = ("identity", "billing", "delivery", "portal")


def add_commands(commands: Any) -> None:
    """`identity`, `billing`, `portal`, `delivery [--channels …]`, `migrate SERVICE`."""
    for name in SERVICES:
        command = commands.add_parser(
            name, help=f"run the service {name} (settings: {name.upper()}_…)"
        )
        command.set_defaults(run=run_service, service=name, channels=None)
        if name == "delivery":
            command.add_argument(
                "--channels",
                metavar="A,B",
                help="run a worker of these channels instead of the service",
            )
    migrate = commands.add_parser("migrate", help="bring a service's database up to date")
    migrate.add_argument("service", choices=SERVICES)
    migrate.set_defaults(run=run_migrate)


def run_service(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM; a worker when channels are named."""
    if arguments.channels:
        return run_worker(arguments.channels)
    import uvicorn

    module = importlib.import_module(f"services.{arguments.service}.app")
    app = module.create_app()
    settings = app.state.service.settings
    _rarely_collected()
    health.serves_at(settings.host, settings.port)
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=10,
        server_header=False,
        # whom to believe about the client is the service's own setting
        proxy_headers=False,
        h11_max_incomplete_event_size=64 * 1024,
    )
    return 0


def _rarely_collected() -> None:
    """What is loaded by now stays for good, and what comes is mostly freed by its last reference:
    looking for cycles less often saves a good part of the processor time of every request."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def run_worker(names: str) -> int:
    """A delivery worker until SIGTERM; what is under way is finished."""
    import uvloop

    from services.delivery.channels.registry import CHANNELS
    from services.delivery.pulse import Pulse
    from services.delivery.settings import DeliverySettings
    from services.delivery.workers import run_worker as work
    from shared import telemetry

    wanted = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in CHANNELS]
    if unknown or not wanted:
        raise LookupError(f"no such channel: {', '.join(unknown)}; there are {', '.join(CHANNELS)}")
    telemetry.set_up(f"delivery-{'-'.join(wanted)}")

    _rarely_collected()

    async def until_told() -> None:
        pulse = Pulse()
        signing = asyncio.create_task(health.keep_signing(pulse.problem))
        chosen = [c for c in CHANNELS if c in wanted]
        task = asyncio.create_task(work(DeliverySettings(), chosen, pulse))
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        try:
            await task
        finally:
            signing.cancel()

    try:
        uvloop.run(until_told())
    except asyncio.CancelledError:
        return 0
    return 0


def run_migrate(arguments: argparse.Namespace) -> int:
    """Apply what is missing, as the owner's role."""
    from shared.migrate import migrate

    settings = load_settings(arguments.service)
    if settings.owner_database_url is None:
        raise LookupError(f"{arguments.service.upper()}_OWNER_DATABASE_URL is not set")
    applied = asyncio.run(
        migrate(
            settings.owner_database_url.get_secret_value(),
            settings.database_url.get_secret_value(),
            arguments.service,
        )
    )
    print("\n".join(applied) or "nothing to do")
    return 0


def load_settings(service: str) -> Any:
    """The settings of a service, from the environment."""
    module = importlib.import_module(f"services.{service}.settings")
    return getattr(module, f"{service.capitalize()}Settings")()
