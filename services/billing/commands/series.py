"""Series of numbers: made, and started at any number (B3)."""

from dataclasses import replace
from uuid import UUID

from services.billing.domain.errors import NumberInUse
from services.billing.store import series
from services.billing.store.series import SeriesRow
from shared import outbox
from shared.access.guard import Principal
from shared.contracts.billing import SeriesStarted
from shared.database import Connection, Database
from shared.ids import new_id
from shared.problems import Conflict, NotFound


async def create_series(
    db: Database, caller: Principal, kind: str, prefix: str, width: int, last_number: int
) -> SeriesRow:
    """A series whose next number follows `last_number` (115 elsewhere → 116 here)."""
    row = SeriesRow(new_id(), caller.company_id, kind, prefix, width, last_number, None, 1)
    async with db.transaction(caller.company_id) as conn:
        if not await series.add(conn, row):
            raise Conflict(f"A series with the prefix {prefix!r} is there already.")
        await _tell(conn, row, caller)
    return row


async def restart_series(
    db: Database, caller: Principal, series_id: UUID, last_number: int
) -> SeriesRow:
    """Go on after `last_number`; never below a number that was given."""
    async with db.transaction(caller.company_id) as conn:
        row = await series.lock(conn, caller.company_id, series_id)
        if row is None:
            raise NotFound
        highest = await series.highest_issued(conn, series_id)
        if last_number < highest:
            raise NumberInUse(highest=highest)
        await series.restart(conn, series_id, last_number)
        restarted = replace(row, last_number=last_number, version=row.version + 1)
        await _tell(conn, restarted, caller)
    return restarted


async def _tell(conn: Connection, row: SeriesRow, caller: Principal) -> None:
    event = SeriesStarted(
        series_id=row.series_id,
        company_id=row.company_id,
        prefix=row.prefix,
        last_number=row.last_number,
    )
    await outbox.append(conn, event, actor=caller.actor, aggregate_version=row.version)
