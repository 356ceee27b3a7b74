"""Planning: events in any order and at the same time; nothing waits for what has come already."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest

from shared.database import Connection
from tests.integration.delivery.conftest import Delivering
from tests.integration.delivery.documents import issued_event, rendered_event

Work = Callable[[], Awaitable[object]]


async def met(
    delivering: Delivering, first: Callable[[Connection], Awaitable[None]], second: Work
) -> None:
    """`second` begins while the transaction of `first` has done its work but isn't committed."""
    async with delivering.db.system_transaction() as conn:
        await first(conn)
        meanwhile = asyncio.ensure_future(second())
        await asyncio.wait([meanwhile], timeout=0.3)
    await asyncio.wait_for(meanwhile, 5)


@pytest.mark.parametrize("plan_first", [True, False])
async def test_a_plan_and_its_pdf_that_meet_leave_no_email_waiting(
    delivering: Delivering, plan_first: bool
) -> None:
    event = issued_event(delivering.company, await delivering.customer("email"))
    rendered = rendered_event(event)
    first, second = (event, rendered) if plan_first else (rendered, event)
    await met(
        delivering, lambda conn: delivering.handle(conn, first), lambda: delivering.hear(second)
    )
    assert [row["state"] for row in await delivering.deliveries()] == ["due"]


@pytest.mark.parametrize("order", ["plan, pdf", "pdf, plan"])
async def test_an_email_goes_when_both_plan_and_pdf_are_there(
    delivering: Delivering, order: str
) -> None:
    event = issued_event(delivering.company, await delivering.customer("email", "sftp"))
    events = [event, rendered_event(event)]
    for heard in events if order == "plan, pdf" else reversed(events):
        await delivering.hear(heard)
    assert {row["state"] for row in await delivering.deliveries()} == {"due"}


async def test_a_plan_and_settings_that_meet_leave_no_plan_waiting(delivering: Delivering) -> None:
    customer = uuid4()
    event = issued_event(delivering.company, customer)
    await met(
        delivering,
        lambda conn: delivering.handle(conn, event),
        lambda: delivering.customer("sftp", customer=customer),
    )
    assert [row["state"] for row in await delivering.deliveries()] == ["due"]


async def test_a_replay_plans_nothing_twice_also_with_other_settings(
    delivering: Delivering,
) -> None:
    customer = await delivering.customer("sftp")
    event = issued_event(delivering.company, customer)
    await delivering.hear(event)
    await delivering.customer("email", "peppol", customer=customer)
    await delivering.hear(event)
    assert [row["channel"] for row in await delivering.deliveries()] == ["sftp"]
