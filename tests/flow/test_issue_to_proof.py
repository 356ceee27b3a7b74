"""The main job: issue an invoice, deliver it, see the proof; through the public APIs."""

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from deploy.local.broker import Broker
from deploy.local.peers import filedrop
from deploy.local.pki import Pki
from tests.conftest import DatabaseFactory
from tests.platform import BUYER, LINE, Person, Platform, platform
from tests.services import eventually


@pytest.fixture
async def running(
    new_database: DatabaseFactory, kafka_broker: Broker, tmp_path: Path
) -> AsyncIterator[Platform]:
    async with platform(new_database, kafka_broker, tmp_path) as found:
        yield found


@pytest.fixture
async def drop(tmp_path: Path) -> AsyncIterator[filedrop.Filedrop]:
    pki = Pki.at(tmp_path / "pki")
    pki.server()
    options = filedrop.Options(
        tmp_path / "drop", pki.folder / "tls-localhost.pem", pki.folder / "tls-localhost.key"
    )
    peer = await filedrop.Filedrop(options).start()
    yield peer
    await peer.close()


def sftp_way(drop: filedrop.Filedrop) -> dict[str, Any]:
    return {
        "channel": "sftp",
        "settings": {"host": "127.0.0.1", "port": drop.ports["sftp"], "user": "facteur",
                     "host_key": drop.host_key},
        "password": "facteur",
    }  # fmt: skip


async def customer(person: Person, *ways: dict[str, Any]) -> str:
    customer_id = str(uuid4())
    reception = await person.at("delivery").put(
        f"/v1/receptions/{customer_id}", json={"ways": ways}
    )
    assert reception.status_code == 200, reception.text
    created = await person.at("billing").put(f"/v1/customers/{customer_id}", json=BUYER)
    assert created.status_code == 200, created.text
    return customer_id


async def issue(person: Person, customer_id: str, **content: Any) -> dict[str, Any]:
    written = {"due_date": "2027-01-31", "lines": [LINE], "buyer_reference": "PO 7"} | content
    body = {"customer_id": customer_id, "content": written}
    draft = await person.at("billing").post("/v1/drafts", json=body)
    assert draft.status_code == 201, draft.text
    issued = await person.at("billing").post(f"/v1/drafts/{draft.json()['draft_id']}/issue")
    assert issued.status_code == 201, issued.text
    found: dict[str, Any] = issued.json()
    return found


async def test_an_invoice_reaches_the_sftp_server_and_its_proof_comes_back(
    running: Platform, drop: filedrop.Filedrop, tmp_path: Path
) -> None:
    person = await running.biller()
    async with running.worker("sftp"):
        invoice = await issue(person, await customer(person, sftp_way(drop)))

        async def delivered() -> dict[str, Any] | None:
            body: dict[str, Any] = (
                await person.at("billing").get(f"/v1/invoices/{invoice['invoice_id']}")
            ).json()
            states = [d["state"] for d in body["deliveries"]]
            return body if states == ["delivered"] else None

        body = await eventually(delivered)
    original = await person.at("billing").get(f"/v1/invoices/{invoice['invoice_id']}/original")
    arrived = list((tmp_path / "drop").rglob("*.xml"))
    assert [p.read_bytes() for p in arrived] == [original.content]
    assert body["deliveries"][0]["proof"]["size"] == str(len(original.content))
    assert invoice["number"] == "F-000001"


async def test_the_largest_document_travels_the_whole_way(
    running: Platform, drop: filedrop.Filedrop, tmp_path: Path
) -> None:
    """Almost ten MiB: outbox, topic, delivery's database and the wire are sized for it."""
    person = await running.biller()
    plan = {
        "reference": "A1",
        "filename": "plan.pdf",
        "mime_code": "application/pdf",
        "content": base64.b64encode(b"%PDF" * 1_850_000).decode(),
    }
    async with running.worker("sftp"):
        invoice = await issue(person, await customer(person, sftp_way(drop)), attachments=[plan])
        arrived = await eventually(lambda: _whole_files(tmp_path / "drop"), 60)
    original = await person.at("billing").get(f"/v1/invoices/{invoice['invoice_id']}/original")
    assert len(original.content) > 9_800_000
    assert [p.read_bytes() for p in arrived] == [original.content]


async def _whole_files(folder: Path) -> list[Path]:
    return await asyncio.to_thread(lambda: list(folder.rglob("*.xml")))


async def test_a_customer_without_any_way_to_receive_is_refused(running: Platform) -> None:
    person = await running.biller()
    refused = await person.at("delivery").put(f"/v1/receptions/{uuid4()}", json={"ways": []})
    assert refused.status_code == 422
    assert refused.json()["type"].endswith("no-way")
