"""phase4 and the product itself: its /as4 with database and rules, and its worker with the directory."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest

from deploy.local.broker import Broker
from deploy.local.pki import Pki
from services.delivery.app import create_app
from services.delivery.peppol.participant import BIS_INVOICE, BIS_PROCESS
from services.delivery.peppol.xml import canonical, parse
from shared.einvoice.syntax import ubl
from tests.conformance.phase4.peer import Phase4, running
from tests.integration.delivery import conftest
from tests.integration.delivery.conftest import PARTICIPANT, Delivering
from tests.integration.delivery.documents import attached, issued_event
from tests.integration.delivery.test_receiving import OWN, SENDER, Edge, edge_at
from tests.services import kafka_settings, served
from tests.unit.delivery.peppol.network import OURS, THEIRS
from tests.unit.einvoice.samples import belgian, issued

SIZES = [pytest.param(3_000, id="10kB"), pytest.param(5_000_000, id="5MB")]
COMPRESSED = [pytest.param("true", id="gzip"), pytest.param("false", id="plain")]
LIMIT = 20_000_000
VALID = ubl.write(issued(belgian()))

pytestmark = [pytest.mark.slow, pytest.mark.kafka]
delivering, delivery_pki = conftest.delivering, conftest.delivery_pki


@pytest.fixture(scope="module")
def phase4(delivery_pki: Pki, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Phase4]:
    with running(delivery_pki, THEIRS, tmp_path_factory.mktemp("phase4")) as peer:
        yield peer


@pytest.fixture
async def edge(delivering: Delivering, kafka_broker: Broker) -> AsyncIterator[Edge]:
    app = create_app(delivering.settings, kafka_settings(kafka_broker))
    async with served(app) as client, edge_at(delivering, str(client.base_url)) as found:
        yield found


async def send(phase4: Phase4, edge: Edge, document: bytes, **more: str) -> dict[str, str]:
    parameters = {
        "sender": SENDER,
        "receiver": str(OWN),
        "doctype": BIS_INVOICE.value,
        "process": BIS_PROCESS.value,
        "country": "BE",
        **more,
    }
    ours = edge.delivering.pki.folder / f"{OURS}.pem"
    return await phase4.send(edge.url, ours, document, **parameters)


@pytest.mark.parametrize("compress", COMPRESSED)
@pytest.mark.parametrize("size", SIZES)
async def test_what_phase4_sends_is_a_purchase_and_it_believes_the_receipt(
    edge: Edge, phase4: Phase4, size: int, compress: str
) -> None:
    document = attached(VALID, size)
    said = await send(phase4, edge, document, compress=compress)

    assert said["result"] == "SUCCESS", said
    assert (said["receipt"], said["digests"]) == ("true", "equal")
    (row,) = await edge.stored()
    assert row["state"] == "accepted", row["findings"]
    assert (row["sent_by"], row["sender"], row["receiver"]) == (THEIRS, SENDER, OWN)
    assert canonical(parse(row["content"], LIMIT)) == canonical(parse(document, LIMIT))
    (event,) = await edge.delivering.told("document.received")
    assert (event["document_id"], event["number"]) == (str(row["document_id"]), row["number"])


async def test_what_phase4_repeats_is_one_purchase(edge: Edge, phase4: Phase4) -> None:
    """The same message again gets the same receipt; the same envelope in another message, its own."""
    message, instance = f"{uuid4()}@phase4", str(uuid4())
    for message_id in (message, message, f"{uuid4()}@phase4"):
        said = await send(phase4, edge, VALID, messageId=message_id, instance=instance)
        assert (said["result"], said["digests"]) == ("SUCCESS", "equal"), said
    assert sorted(row["state"] for row in await edge.stored()) == ["accepted", "duplicate"]
    assert await edge.told() == 1


async def test_phase4_is_told_what_is_not_taken(edge: Edge, phase4: Phase4) -> None:
    said = await send(phase4, edge, VALID, receiver="0088:5410000000002")
    assert said["result"] == "AS4_ERROR_MESSAGE_RECEIVED", said
    assert "PEPPOL:NOT_SERVICED" in said["error"]
    assert await edge.stored() == []


async def issue(delivering: Delivering, url: str, size: int = 0) -> bytes:
    """An invoice to a participant whom the directory finds at that address; its document."""
    theirs = delivering.pki.access_point(THEIRS).certificate
    delivering.network.register(PARTICIPANT, f"{url}/as4", theirs)
    event = issued_event(delivering.company, await delivering.customer("peppol"), size=size)
    await delivering.hear(event)
    return bytes(event.original.content)


@pytest.mark.parametrize("size", SIZES)
async def test_an_issued_invoice_is_looked_up_and_delivered_to_phase4(
    delivering: Delivering,
    phase4: Phase4,
    size: int,
) -> None:
    document = await issue(delivering, phase4.url, size)
    async with delivering.worker("peppol"):
        (row,) = await delivering.over(60)
    assert row["state"] == "delivered"
    (made,) = await delivering.attempts(row["delivery_id"])
    assert made["proof"]["access_point"] == THEIRS
    assert made["proof"]["receipt_id"]
    assert made["evidence"]
    (kept,) = copies(phase4, row)
    assert (kept.message_id, kept.receiver) == (made["proof"]["message_id"], PARTICIPANT)
    assert canonical(parse(kept.document, LIMIT)) == canonical(parse(document, LIMIT))


async def test_an_answer_that_was_lost_is_settled_by_phase4s_word(
    delivering: Delivering,
    phase4: Phase4,
) -> None:
    """It took the message, and says "duplicate" of the same bytes: delivered once, without proof."""
    async with losing_the_first_answer(phase4) as url:
        await issue(delivering, url)
        async with delivering.worker("peppol"):
            (row,) = await delivering.over(60)
    assert row["state"] == "delivered"
    first, last = await delivering.attempts(row["delivery_id"])
    assert (first["outcome"], last["kind"], last["outcome"]) == ("unknown", "settle", "delivered")
    assert (last["proof"]["receipt_id"], last["evidence"]) == ("", None)
    assert len(copies(phase4, row)) == 1


def copies(phase4: Phase4, delivery: dict[str, Any]) -> list[Any]:
    return [k for k in phase4.received if k.instance == str(delivery["delivery_id"])]


@asynccontextmanager
async def losing_the_first_answer(phase4: Phase4) -> AsyncIterator[str]:
    """A line to phase4 that is cut as soon as its first answer comes back."""
    host, _, port = phase4.url.removeprefix("http://").partition(":")
    lost = False
    tasks: set[asyncio.Task[None]] = set()

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, cut: bool) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(65536):
                if cut:
                    break
                sink.write(data)
                await sink.drain()
        sink.close()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal lost
        back, forth = await asyncio.open_connection(host, int(port))
        cut, lost = not lost, True
        for work in (pump(reader, forth, False), pump(back, writer, cut)):
            tasks.add(asyncio.ensure_future(work))

    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
