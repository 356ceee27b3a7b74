"""What becomes of deliveries by the reports that come back to the sender's mailbox (RFC 3464)."""

import logging
import re
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from services.delivery import announce
from services.delivery.channels.email_reports import Report, read_reports
from services.delivery.domain.reports import bounced, judge
from services.delivery.store import deliveries, plans, reports, work
from services.delivery.store.reports import Reported, ReportRow
from services.delivery.store.work import AttemptRow
from shared.database import Connection, Database

log = logging.getLogger(__name__)

AT_ONCE = 100


async def take_in(db: Database, message: bytes, now: datetime) -> int:
    """Keep what a message reports of our deliveries; how many reports were new."""
    found = read_reports(message)
    async with db.system_transaction() as conn:
        return sum([await reports.add(conn, r) for r in map(_row(now), found) if r is not None])


def _row(now: datetime) -> Callable[[Report], ReportRow | None]:
    def row(report: Report) -> ReportRow | None:
        delivery_id = report.delivery_id or _from_message_id(report.message_id)
        if delivery_id is None:
            return None
        recipient = report.recipient.replace("\0", "\ufffd").lower()
        words = report.words.replace("\0", "\ufffd")
        return ReportRow(delivery_id, recipient, report.fate, report.hard, words, now)

    return row


def _from_message_id(value: str) -> UUID | None:
    found = re.match(r"<([0-9a-f-]{36})@", value)
    try:
        return UUID(found.group(1)) if found else None
    except ValueError:
        return None


async def apply(db: Database, now: datetime) -> int:
    """Give effect to the reports that have had none; of how many deliveries."""
    async with db.system_transaction() as conn:
        waiting = await reports.unapplied(conn, AT_ONCE)
    for delivery_id in waiting:
        async with db.system_transaction() as conn:
            await _apply(conn, delivery_id, now)
    return len(waiting)


async def _apply(conn: Connection, delivery_id: UUID, now: datetime) -> None:
    held = await reports.hold(conn, delivery_id)
    if held is None:
        return
    told = await reports.about(conn, delivery_id)
    if held.state in ("unknown", "undecided") and judge(told, held.recipients):
        await reports.settle_now(conn, delivery_id, now)
    if held.state == "delivered" and (lost := bounced(told, held.recipients)):
        words = "; ".join(f"{report.recipient}: {report.words}" for report in lost)
        await _bounce(conn, delivery_id, held, words, now)
    await reports.applied(conn, delivery_id)


async def _bounce(
    conn: Connection, delivery_id: UUID, held: Reported, words: str, now: datetime
) -> None:
    version = await reports.bounce(conn, delivery_id)
    row = await deliveries.get(conn, held.company_id, delivery_id)
    if version is None or row is None:
        return
    plan = await plans.get(conn, held.company_id, row.invoice_id)
    await work.add_attempt(conn, AttemptRow(
        delivery_id, held.attempt, 0, held.company_id, "report", now, now, "failed",
        "email.bounced", words, {}, None,
    ))  # fmt: skip
    await announce.bounced(
        conn, row, str(plan.facts["number"]) if plan else "", words, version, now
    )
