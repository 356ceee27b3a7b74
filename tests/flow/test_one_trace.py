"""One trace id, from the request that issued an invoice through outbox, topic and worker to the peer's word."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.local.broker import Broker
from deploy.local.peers import filedrop
from shared.database import connect
from tests.conftest import DatabaseFactory
from tests.flow.test_issue_to_proof import customer, drop, sftp_way
from tests.integration.portal.conftest import pages_of
from tests.platform import LINE, Platform, platform
from tests.services import eventually

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"

__all__ = ["drop"]


@pytest.fixture
async def running(
    new_database: DatabaseFactory, kafka_broker: Broker, tmp_path: Path
) -> AsyncIterator[Platform]:
    async with platform(new_database, kafka_broker, tmp_path) as found:
        yield found


async def test_the_trace_of_the_click_is_on_everything_until_the_proof(
    running: Platform, drop: filedrop.Filedrop
) -> None:
    person = await running.biller()
    billing = person.at("billing")
    buyer = await customer(person, sftp_way(drop))
    content = {"due_date": "2027-01-31", "lines": [LINE], "buyer_reference": "PO 7"}
    draft = await billing.post("/v1/drafts", json={"customer_id": buyer, "content": content})
    issued = await billing.post(
        f"/v1/drafts/{draft.json()['draft_id']}/issue", headers={"traceparent": PARENT}
    )
    assert (issued.status_code, issued.headers["x-trace-id"]) == (201, TRACE)
    invoice = issued.json()["invoice_id"]
    db = await connect(running.databases["portal"].runtime_dsn, max_size=1)

    async def told() -> dict[str, str] | None:
        async with db.system_transaction() as conn:
            rows = await conn.fetch(
                "SELECT kind, trace_id FROM timeline WHERE invoice_id::text = $1", invoice
            )
        found = {row["kind"]: row["trace_id"] for row in rows}
        return found if "delivered" in found else None

    async with running.worker("sftp"):
        traces = await eventually(told)
    await db.close()
    assert {"issued", "scheduled", "delivered"} <= traces.keys()
    assert {kind for kind, trace in traces.items() if trace != TRACE} == set()
    page = (await (await pages_of(running, person)).get(f"/invoices/{invoice}?lang=en")).text
    shown = page.partition("Trace id")[2].partition("</details>")[0]
    assert shown.count("<code>") == 1
    assert f"<code>{TRACE}</code>" in shown
