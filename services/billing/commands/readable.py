"""A reader's PDF: the stored one, or made while the reader waits."""

import asyncio
from collections.abc import Callable
from uuid import UUID

from services.billing.store import renderings
from shared.clock import Clock
from shared.database import Database

WAIT_SECONDS = 4.0
STEP_SECONDS = 0.05


async def readable(
    db: Database, company_id: UUID, invoice_id: UUID, needed: Callable[[], None], clock: Clock
) -> bytes | None:
    """The Factur-X PDF of an issued invoice; None when it can't be had within WAIT_SECONDS.

    Any process may render it, so its row is looked at until it is there.
    """
    async with db.transaction(company_id) as conn:
        pdf = await renderings.pdf(conn, company_id, invoice_id)
        if pdf is None:
            await renderings.hasten(conn, [invoice_id], clock())
    needed()
    deadline = asyncio.get_running_loop().time() + WAIT_SECONDS
    while pdf is None and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(STEP_SECONDS)
        async with db.transaction(company_id) as conn:
            pdf = await renderings.pdf(conn, company_id, invoice_id)
    return pdf
