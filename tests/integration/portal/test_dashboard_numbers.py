"""What the dashboard counts, over documents whose every number is known."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import cycle
from statistics import median
from uuid import UUID, uuid4

from services.portal.store import dashboard
from services.portal.web import formats
from shared.database import Connection, connect
from tests.conftest import DatabaseFactory

STATES = ("delivered", "delivered", "scheduled", "retrying", "unknown", "parked", "exhausted", "refused",
          "undecided", "bounced", "cancelled")  # fmt: skip
WAY = {"scheduled": "under_way", "retrying": "under_way", "unknown": "under_way",
       **dict.fromkeys(("exhausted", "refused", "undecided", "bounced"), "attention")}  # fmt: skip


async def document(
    conn: Connection, company: UUID, issued: datetime, kind: str = "invoice"
) -> UUID:
    invoice_id = uuid4()
    await conn.execute(
        "INSERT INTO invoice_face (invoice_id, company_id, customer_id, number, document_kind, buyer_name, "
        "amount_due, currency, issue_date, issued_at) VALUES ($1, $2, $3, 'F', $5, 'x', 100, 'EUR', $4, $6)",
        invoice_id, company, uuid4(), issued.date(), kind, issued,
    )  # fmt: skip
    return invoice_id


async def delivery(
    conn: Connection, company: UUID, invoice: UUID, channel: str, state: str, ended: datetime
) -> None:
    await conn.execute(
        "INSERT INTO delivery_face (delivery_id, invoice_id, company_id, channel, target, state, scheduled_at, "
        "ended_at, version) VALUES ($1, $2, $3, $4, 'x', $5, $6, $6, 2)",
        uuid4(), invoice, company, channel, state, ended,
    )  # fmt: skip


async def test_deliveries_by_state_and_time_to_delivery_of_the_last_thirty_days(
    new_database: DatabaseFactory,
) -> None:
    db = await connect((await new_database("portal")).runtime_dsn, max_size=1)
    company, other, now = uuid4(), uuid4(), datetime.now(UTC)
    states, seconds = cycle(STATES), []
    expected: Counter[str] = Counter()
    days: Counter[str] = Counter()
    async with db.system_transaction() as conn:
        for n in range(40):
            issued = now - timedelta(hours=17 * n, minutes=5)
            invoice = await document(
                conn, company, issued, "credit_note" if n % 4 == 3 else "invoice"
            )
            days[issued.astimezone(formats.ZONE).date().isoformat()] += 1
            state, took = next(states), 1 + n * n
            await delivery(conn, company, invoice, "email", state, issued + timedelta(seconds=took))
            expected[WAY.get(state, state)] += 1
            if state == "delivered":
                seconds.append(took)
        for whose, issued in ((company, now - timedelta(days=31)), (other, now)):
            late = issued + timedelta(days=1)
            await delivery(
                conn, whose, await document(conn, whose, issued), "email", "delivered", late
            )
        totals = await dashboard.totals(conn, [company])
        (line,) = await dashboard.channels(conn, [company])
        by_day = await dashboard.by_day(conn, [company], str(formats.ZONE))
    await db.close()
    assert (totals.documents, totals.deliveries, int(totals.amount)) == (40, 40, 100 * (30 - 10))
    for name in ("delivered", "under_way", "parked", "attention"):
        assert getattr(totals, name) == getattr(line, name) == expected[name], name
    assert line.cancelled == expected["cancelled"]
    assert sum(expected.values()) == line.deliveries
    assert totals.median == line.median == timedelta(seconds=median(seconds))
    ordered = sorted(seconds)
    place = 0.95 * (len(ordered) - 1)
    below, share = int(place), place % 1
    p95 = ordered[below] + share * (ordered[below + 1] - ordered[below])
    assert line.slowest is not None
    assert abs(line.slowest.total_seconds() - p95) < 0.001
    assert {day.isoformat(): count for day, count in by_day.items()} == days
