"""The PDF of an invoice: made when somebody needs it, once, the same bytes ever since."""

import os
import signal
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from services.billing.commands.issue import RENDERED_AT_LATEST
from services.billing.consumers import note_deliveries
from services.billing.renderer import Renderer
from services.billing.store import renderings
from shared.contracts.delivery import DeliveryScheduled
from shared.events import Actor, Envelope
from tests.integration.billing.conftest import Billing


async def issued(billing: Billing) -> UUID:
    answer = await billing.issue(await billing.draft(await billing.customer()))
    assert answer.status_code == 201, answer.text
    return UUID(answer.json()["invoice_id"])


async def test_a_reader_of_a_new_invoice_gets_its_pdf_and_the_next_one_the_same(
    billing: Billing,
) -> None:
    invoice = await issued(billing)
    path = f"/v1/invoices/{invoice}/readable"
    first = await billing.client.get(path, headers=billing.caller.headers, timeout=30)
    assert first.status_code == 200, first.text
    assert first.content.startswith(b"%PDF-1.7")
    again = await billing.client.get(path, headers=billing.caller.headers)
    assert again.content == first.content


async def test_a_pdf_that_nobody_needs_waits_and_one_that_a_delivery_carries_is_due(
    billing: Billing,
) -> None:
    needed, other, now = await issued(billing), await issued(billing), datetime.now(UTC)
    async with billing.runtime.system_transaction() as conn:
        for invoice in (needed, other):
            await conn.execute("DELETE FROM rendering WHERE invoice_id = $1", invoice)
            company = billing.caller.company_id
            await renderings.plan(conn, company, invoice, now + RENDERED_AT_LATEST)
        await note_deliveries(
            conn,
            [
                scheduled(billing, needed, awaits_readable=True),
                scheduled(billing, other, awaits_readable=False),
            ],
        )
        due = await renderings.lease(conn, datetime.now(UTC), now, 100)
        taken = {work.invoice_id for work in due}
        assert needed in taken
        assert other not in taken


def scheduled(
    billing: Billing, invoice: UUID, *, awaits_readable: bool
) -> tuple[DeliveryScheduled, Envelope]:
    """As delivery tells of a planned delivery."""
    event = DeliveryScheduled(
        invoice_id=invoice,
        company_id=billing.caller.company_id,
        delivery_id=uuid4(),
        number="1",
        channel="email",
        target="compta@example.be",
        due_at=datetime.now(UTC),
        awaits_readable=awaits_readable,
    )
    envelope = Envelope(
        event_id=uuid4(),
        topic=event.topic,
        version=event.version,
        key=str(event.key),
        time=datetime.now(UTC),
        source="/facteur/delivery",
        aggregate_version=2,
        actor=Actor(kind="system", id="delivery"),
        cause=None,
        company_id=billing.caller.company_id,
        traceparent=None,
    )
    return event, envelope


async def test_a_worker_that_hangs_is_ended_and_the_pdf_is_made_by_another(
    billing: Billing,
) -> None:
    renderer = Renderer(billing.runtime, patience=1)
    invoice = await issued(billing)
    async with billing.runtime.system_transaction() as conn:
        # nobody else's: the service's own renderer leaves it alone
        await conn.execute(
            "UPDATE rendering SET pdf = NULL, attempts = 1, next_attempt_at = now() + interval '1 day' "
            "WHERE invoice_id = $1",
            invoice,
        )
        later = datetime.now(UTC) + timedelta(days=2)
        (work,) = [
            w for w in await renderings.lease(conn, later, later, 500) if w.invoice_id == invoice
        ]
    worker = renderer._opened().submit(os.getpid).result()
    os.kill(worker, signal.SIGSTOP)

    await renderer._made(work)

    told = "SELECT coalesce(last_error, ''), pdf IS NOT NULL FROM rendering WHERE invoice_id = $1"
    async with billing.runtime.system_statement() as conn:
        ((error, there),) = await conn.fetch(told, invoice)
        assert ("RenderingStuck" in error, there) == (True, False)
        renderer.patience = 30
        await renderer._made(work)
        ((error, there),) = await conn.fetch(told, invoice)
        assert (error, there) == ("", True)
    renderer._discard(renderer._opened())
