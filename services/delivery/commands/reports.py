"""What becomes of deliveries by the reports that come back to the sender's mailbox (RFC 3464)."""

import logging
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from services.delivery import announce
from services.delivery.channels.email_reports import Report, read_reports
from services.delivery.domain.envelope_ids import delivery_of
from services.delivery.domain.reports import bounced, judge
from services.delivery.store import deliveries, plans, reports, work
from services.delivery.store.reports import Reported, ReportRow
from services.delivery.store.work import AttemptRow
from shared.database import Connection, Database

log = logging.getLogger(__name__)

AT_ONCE = 100


async def take_in(db: Database, keys: Sequence[bytes], message: bytes, now: datetime) -> int:
    """Keep what a message reports of our deliveries; how many reports were new.

    `keys`: of the ids that our e-mails carry. Whoever reports on one without its id is not believed.
    """
    found = read_reports(message)
    async with db.system_transaction() as conn:
        rows = map(_row(keys, now), found)
        return sum([await reports.add(conn, row) for row in rows if row is not None])


def _row(keys: Sequence[bytes], now: datetime) -> Callable[[Report], ReportRow | None]:
    def row(report: Report) -> ReportRow | None:
        named = (report.envelope_id, _in_message_id(report.message_id))
        delivery_id = next(filter(None, (delivery_of(keys, one) for one in named)), None)
        if delivery_id is None:
            log.warning("a report that names no e-mail of ours is set aside: %.200r", named)
            return None
        recipient = report.recipient.replace("\0", "\ufffd").lower()
        words = report.words.replace("\0", "\ufffd")
        return ReportRow(delivery_id, recipient, report.fate, report.hard, words, now)

    return row


def _in_message_id(value: str) -> str:
    found = re.match(r"<([^@>]+)@", value.strip())
    return found.group(1) if found else ""


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
