"""Wiring of a delivery worker: no HTTP, no broker, and only its own channels' libraries."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

from services.delivery.channels import maildir
from services.delivery.channels.registry import build
from services.delivery.commands.attempts import Attempts
from services.delivery.commands.breakers import mind
from services.delivery.domain.outcome import ChannelName
from services.delivery.domain.schedule import load_schedule
from services.delivery.mail import read_mail
from services.delivery.pulse import Pulse
from services.delivery.settings import DeliverySettings
from services.delivery.worker import Worker
from shared.clock import system_clock
from shared.database import connect_when_there
from shared.secretbox import load_box


async def run_worker(
    settings: DeliverySettings, channels: list[ChannelName], pulse: Pulse | None = None
) -> None:
    """A worker of these channels, until cancelled; waits for the database as long as it takes."""
    url = settings.database_url.get_secret_value()
    db = await connect_when_there(url, min_size=0, max_everywhere=max(4, settings.in_flight // 2))
    lease = timedelta(seconds=settings.lease_seconds)
    box = load_box(settings.master_key_file)
    attempts = Attempts(
        db,
        box,
        load_schedule(Path(settings.retries_file)),
        system_clock,
        lease,
    )
    built = {name: build(name, settings) for name in channels}
    chores: dict[str, Callable[[], Awaitable[None]]] = {"breakers": partial(mind, attempts)}
    if "email" in built and settings.reports_maildir is not None:
        maildir.require(settings.reports_maildir)
        chores["reports"] = partial(read_mail, db, box, settings.reports_maildir, system_clock)
    worker = Worker(
        db, url, built, attempts, system_clock, settings.in_flight, lease, chores, pulse or Pulse()
    )
    try:
        await worker.run()
    finally:
        await db.close()
