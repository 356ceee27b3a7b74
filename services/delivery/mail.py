"""The sender's mailbox: what mail servers report of deliveries is taken in and given effect."""

import asyncio
import logging
from pathlib import Path

from services.delivery.channels import maildir
from services.delivery.commands import reports
from services.delivery.domain.envelope_ids import PURPOSE
from services.delivery.store.reports import alone
from shared.clock import Clock
from shared.database import Database
from shared.secretbox import SecretBox

log = logging.getLogger(__name__)

AT_ONCE = 100


async def read_mail(db: Database, box: SecretBox, folder: Path, clock: Clock) -> None:
    """Read what is new, one worker at a time. A message is marked as read once it is taken in: one that
    is read twice says nothing new."""
    keys = box.derived(PURPOSE)
    async with db.system_transaction() as conn:
        if not await alone(conn):
            return
        for message in await asyncio.to_thread(maildir.new_messages, folder, AT_ONCE):
            content = await asyncio.to_thread(maildir.content, message)
            if await reports.take_in(db, keys, content, clock()):
                log.info("reports on deliveries came back: %s", message.name)
            await asyncio.to_thread(maildir.mark_read, folder, message)
        await reports.apply(db, clock())
