"""Receiving from Peppol: once each, receipts repeated, kills, quarantine, and nothing of what is refused."""

import asyncio
import gzip
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from deploy.local.broker import Broker
from deploy.local.pki import revocation_list
from services.delivery.app import create_app
from services.delivery.domain.outcome import Delivered
from services.delivery.peppol import as4_message, as4_out, sbdh
from services.delivery.peppol.as4_message import Prepared
from services.delivery.peppol.participant import BIS_INVOICE, BIS_PROCESS, ParticipantIdentifier
from services.delivery.peppol.settings import PeppolSettings
from services.delivery.peppol.xml import canonical, parse
from shared.einvoice.syntax import ubl
from tests.integration.alone import RECEIVING, Caller, World, started
from tests.integration.delivery.conftest import Delivering
from tests.services import kafka_settings, served
from tests.unit.delivery.peppol.network import OURS, THEIRS, identity
from tests.unit.einvoice.samples import belgian, issued

pytestmark = pytest.mark.kafka

MIB = 1024 * 1024
SENDER, OWN = "0208:0848934496", RECEIVING["peppol_id"]
VALID = ubl.write(issued(belgian()))
INVALID = VALID.replace(b"<cbc:CustomizationID>urn:cen.eu", b"<cbc:CustomizationID>urn:nobody")


@dataclass
class Edge:
    """Our access point, and somebody who sends to it."""

    delivering: Delivering
    world: World
    caller: Caller
    url: str
    client: httpx.AsyncClient

    def message(
        self, document: bytes = VALID, *, instance: str | None = None, receiver: str = str(OWN),
        sender: str = THEIRS, compress: bool = True, message_id: str | None = None,
    ) -> Prepared:  # fmt: skip
        """A message from their access point, ready to be posted as often as one likes."""
        envelope = sbdh.Envelope(
            sender=ParticipantIdentifier.parse(SENDER),
            receiver=ParticipantIdentifier.parse(receiver),
            document_type=BIS_INVOICE, process=BIS_PROCESS, country="BE",
            instance_identifier=instance or str(uuid4()), created=datetime.now(UTC),
        )  # fmt: skip
        ours = self.delivering.pki.access_point(OURS).certificate
        theirs = identity(self.delivering.pki, sender)
        # as as4_message.build does, but for its limit: peers have others
        payload = sbdh.wrap(envelope, document, 30 * MIB)
        payload = gzip.compress(payload, 6) if compress else canonical(parse(payload, 30 * MIB))
        return as4_message.seal_payload(
            theirs, ours, self.url, envelope, payload, message_id=message_id, compressed=compress
        )

    async def post(self, message: Prepared) -> httpx.Response:
        headers = {"Content-Type": message.content_type}
        return await self.client.post(self.url, content=message.body, headers=headers, timeout=60)

    def proves(self, message: Prepared, answer: httpx.Response) -> bool:
        """Whether the answer is a receipt that proves this message's arrival."""
        settings = self.delivering.settings.peppol
        assert settings is not None
        outcome = as4_out.judge(
            message, settings.ap_trust, answer.status_code, dict(answer.headers), answer.content
        )
        return isinstance(outcome, Delivered)

    async def stored(self) -> list[dict[str, Any]]:
        async with self.delivering.db.system_transaction() as conn:
            rows = await conn.fetch("SELECT * FROM received_document ORDER BY received_at")
        return [dict(row) for row in rows]

    async def told(self) -> int:
        return len(await self.delivering.told("document.received"))


@asynccontextmanager
async def edge_at(
    delivering: Delivering, url: str, before: Edge | None = None
) -> AsyncIterator[Edge]:
    """With a company of its own, or that of the edge `before` it on the same database."""
    world = before.world if before else World()
    if before is None:
        await world.publish_key(delivering.db)
    caller = before.caller if before else await world.biller(delivering.db)
    async with httpx.AsyncClient() as client:
        yield Edge(delivering, world, caller, f"{url}/as4", client)


@pytest.fixture
async def edge(delivering: Delivering, kafka_broker: Broker) -> AsyncIterator[Edge]:
    app = create_app(delivering.settings, kafka_settings(kafka_broker))
    async with served(app) as client, edge_at(delivering, str(client.base_url)) as found:
        yield found


async def test_the_same_message_twice_is_one_purchase_and_gets_the_same_receipt(edge: Edge) -> None:
    message = edge.message()
    answers = [
        await edge.post(message),
        *await asyncio.gather(*(edge.post(message) for _ in range(3))),
    ]
    assert {a.status_code for a in answers} == {200}
    assert len({a.content for a in answers}) == 1
    assert edge.proves(message, answers[0])
    (row,) = await edge.stored()
    assert row["state"] == "accepted"
    assert row["content"] == VALID.strip()
    assert await edge.told() == 1


async def test_the_same_message_many_times_at_once_is_one_purchase(edge: Edge) -> None:
    message = edge.message()
    answers = await asyncio.gather(*(edge.post(message) for _ in range(4)))
    assert all(edge.proves(message, a) for a in answers)
    assert len(await edge.stored()) == 1
    assert await edge.told() == 1


async def test_the_same_message_signed_anew_is_one_purchase_and_gets_a_receipt_of_its_own(
    edge: Edge,
) -> None:
    """The first receipt acknowledges other digests: the sender would never be content with it."""
    message_id, instance = f"{uuid4()}@them", str(uuid4())
    first, anew = (edge.message(message_id=message_id, instance=instance) for _ in range(2))
    assert edge.proves(first, await edge.post(first))
    assert edge.proves(anew, await edge.post(anew))
    assert len(await edge.stored()) == 1
    assert await edge.told() == 1


async def test_another_document_under_a_message_id_that_was_used_is_refused(edge: Edge) -> None:
    message_id = f"{uuid4()}@them"
    first = edge.message(message_id=message_id)
    other = edge.message(VALID.replace(b"2026-115", b"2026-116"), message_id=message_id)
    assert edge.proves(first, await edge.post(first))
    answer = await edge.post(other)
    assert b"EBMS:0003" in answer.content
    assert not edge.proves(other, answer)
    assert len(await edge.stored()) == 1


async def test_the_same_sbdh_instance_in_two_messages_is_one_purchase(edge: Edge) -> None:
    instance = str(uuid4())
    messages = [edge.message(instance=instance) for _ in range(3)]
    answers = await asyncio.gather(*(edge.post(m) for m in messages))
    assert all(edge.proves(m, a) for m, a in zip(messages, answers, strict=True))
    states = sorted(row["state"] for row in await edge.stored())
    assert states == ["accepted", "duplicate", "duplicate"]
    assert await edge.told() == 1
    listed = await edge.client.get(
        edge.url.replace("/as4", "/v1/purchases"), headers=edge.caller.headers
    )
    assert [p["number"] for p in listed.json()] == ["2026-115"]


async def test_an_invalid_document_is_quarantined_and_the_next_proceeds(edge: Edge) -> None:
    first, second = edge.message(INVALID), edge.message()
    assert edge.proves(first, await edge.post(first)), "it arrived, whatever the rules say of it"
    assert edge.proves(second, await edge.post(second))
    rows = {row["state"]: row for row in await edge.stored()}
    assert set(rows) == {"quarantined", "accepted"}
    assert rows["quarantined"]["findings"]
    assert await edge.told() == 1


@pytest.mark.parametrize(
    ("pattern", "put"),
    [
        (rb"(?<=currencyID=\"EUR\">)[0-9.]+(?=</cbc:PayableAmount>)", b"NaN"),
        (rb"(?<=currencyID=\"EUR\">)[0-9.]+(?=</cbc:PayableAmount>)", b"-Infinity"),
        (rb"(?<=currencyID=\"EUR\">)[0-9.]+(?=</cbc:PayableAmount>)", b"9" * 25),
        (rb"(?<=<cbc:EndpointID schemeID=\"0208\">)[0-9]+", b"0" * 101),
        (rb"(?<=<cbc:DocumentCurrencyCode>)EUR", b"e" * 5000),
    ],
)
async def test_a_document_whose_face_is_nonsense_is_quarantined(
    edge: Edge, pattern: bytes, put: bytes
) -> None:
    nonsense, found = re.subn(pattern, put, VALID)
    assert found
    message = edge.message(nonsense)
    answer = await edge.post(message)
    assert answer.status_code == 200, answer.text
    assert edge.proves(message, answer)
    (row,) = await edge.stored()
    assert row["state"] == "quarantined"
    assert row["findings"]
    assert await edge.told() == 0


async def test_a_document_that_kills_its_judges_is_quarantined_and_not_asked_for_again(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shared.einvoice.rules import Validator, ValidatorBroken

    async def killed(*_: object) -> None:
        raise ValidatorBroken("the rule workers died twice over this document")

    message = edge.message()
    with monkeypatch.context() as patch:
        patch.setattr(Validator, "validate", killed)
        assert edge.proves(message, await edge.post(message))
    (row,) = await edge.stored()
    assert row["state"] == "quarantined"
    assert "died twice" in str(row["findings"])
    assert await edge.told() == 0


async def test_a_participant_of_two_companies_is_served_for_neither(
    edge: Edge, caplog: pytest.LogCaptureFixture
) -> None:
    await edge.world.biller(edge.delivering.db)
    message = edge.message()
    answer = await edge.post(message)
    assert answer.status_code == 200
    assert b"PEPPOL:NOT_SERVICED" in answer.content
    assert not edge.proves(message, answer)
    assert await edge.stored() == []
    assert "more than one company" in caplog.text


async def test_a_document_of_twelve_mebibytes_is_refused_by_as4(edge: Edge) -> None:
    note = b"<cbc:Note>" + b"n" * 12 * MIB + b"</cbc:Note><cbc:DocumentCurrencyCode"
    large = VALID.replace(b"<cbc:DocumentCurrencyCode", note, 1)
    message = edge.message(large, compress=False)
    assert len(message.body) > 12 * MIB
    answer = await edge.post(message)
    assert answer.status_code == 200, answer.text
    assert b"EBMS:0004" in answer.content
    assert b"larger than the 10485760 bytes" in answer.content
    assert await edge.stored() == []


@pytest.mark.parametrize("compress", [True, False])
async def test_what_is_receipted_can_be_read_and_what_is_larger_is_refused(
    edge: Edge, compress: bool
) -> None:
    """Canonical form and declaration make some bytes' difference at the border of ten mebibytes."""
    message = edge.message(_sized(10 * MIB - 16_384), compress=compress)
    answer = await edge.post(message)
    assert edge.proves(message, answer), answer.text
    (row,) = await edge.stored()
    assert "at most" not in str(row["findings"])
    larger = edge.message(_sized(10 * MIB + 16_384), compress=compress)
    answer = await edge.post(larger)
    assert b"EBMS:0004" in answer.content
    assert not edge.proves(larger, answer)
    assert len(await edge.stored()) == 1


def _sized(size: int) -> bytes:
    """The document with notes that make it so large; no text of an element may have ten million
    characters (libxml2)."""
    frame = len(b"<cbc:Note></cbc:Note>")
    more = size - len(VALID) - 2 * frame
    notes = b"".join(
        b"<cbc:Note>" + b"n" * length + b"</cbc:Note>" for length in (more // 2, more - more // 2)
    )
    return VALID.replace(b"<cbc:DocumentCurrencyCode", notes + b"<cbc:DocumentCurrencyCode", 1)


@pytest.mark.parametrize(("size", "status"), [(25 * MIB, 200), (27 * MIB, 413)])
async def test_a_message_that_is_too_large_is_told_so_by_as4_first(
    edge: Edge, size: int, status: int
) -> None:
    headers = {"Content-Type": "application/soap+xml"}
    answer = await edge.client.post(edge.url, content=bytes(size), headers=headers)
    assert answer.status_code == status
    assert (b"EBMS:0007" in answer.content) is (status == 200)
    other = edge.url.replace("/as4", "/v1/purchases")
    assert (await edge.client.post(other, content=bytes(12 * MIB))).status_code == 413


async def test_a_list_of_a_stranger_is_a_warning_and_no_reason_to_be_unready(
    delivering: Delivering, kafka_broker: Broker, tmp_path: Path
) -> None:
    peppol, foreign = delivering.settings.peppol, tmp_path / "smp.crl"
    assert peppol is not None
    foreign.write_bytes(revocation_list(delivering.pki.smp_ca, []))
    changed = PeppolSettings(**{**peppol.model_dump(), "ap_revocations": (foreign,)})
    settings = delivering.settings.model_copy(update={"peppol": changed})
    async with served(create_app(settings, kafka_settings(kafka_broker))) as client:
        answer = await client.get("/health/ready")
    assert answer.status_code == 200
    (warning,) = answer.json()["warnings"]
    assert delivering.pki.smp_ca.certificate.subject.rfc4514_string() in warning


async def test_nothing_is_stored_of_what_is_refused(edge: Edge) -> None:
    stranger = edge.message(receiver="0208:0999999922")
    tampered = edge.message()
    spoilt = tampered.body.replace(b"eb:UserMessage", b"eb:UserMessag3")
    refused = await edge.post(stranger)
    assert refused.status_code == 200
    assert b"EBMS:" in refused.content
    assert not edge.proves(stranger, refused)
    headers = {"Content-Type": tampered.content_type}
    answer = await edge.client.post(edge.url, content=spoilt, headers=headers)
    assert not edge.proves(tampered, answer)
    odd = {"Content-Type": "multipart/related; boundary*=a; boundary*0=b"}
    answer = await edge.client.post(edge.url, content=tampered.body, headers=odd)
    assert (answer.status_code, b"EBMS:0007" in answer.content) == (200, True)
    for body in (b"", b"not mime", b"<a/>", b"x" * 100_000):
        answer = await edge.client.post(edge.url, content=body, headers=headers)
        assert answer.status_code in (200, 400, 413, 422), answer.text
    assert await edge.stored() == []
    assert await edge.told() == 0


async def test_without_rules_it_says_that_it_stored_nothing(
    delivering: Delivering, kafka_broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sender tries again, and then it is taken."""
    from shared.einvoice.rules import RuleSetMissing, Validator

    async def missing(*_: object) -> None:
        raise RuleSetMissing("the rules aren't installed")

    app = create_app(delivering.settings, kafka_settings(kafka_broker))
    async with served(app) as client, edge_at(delivering, str(client.base_url)) as edge:
        message = edge.message()
        with monkeypatch.context() as patch:
            patch.setattr(Validator, "validate", missing)
            answer = await edge.post(message)
        assert answer.status_code == 200
        assert not edge.proves(message, answer)
        assert await edge.stored() == []
        assert edge.proves(message, await edge.post(message))
    assert len(await edge.stored()) == 1


@pytest.mark.parametrize(
    ("place", "kept"),
    [("receive.before_store", 0), ("receive.before_commit", 0), ("receive.after_commit", 1)],
)
async def test_a_kill_while_receiving_loses_nothing_and_repeats_nothing(
    delivering: Delivering, kafka_broker: Broker, place: str, kept: int
) -> None:
    message: Prepared | None = None
    before: Edge | None = None
    for armed in ({"FACTEUR_FAILPOINT": place}, {}):
        env = {**delivering.environment, **armed}
        async with (
            started("delivery", delivering.database, kafka_broker, **env) as process,
            edge_at(delivering, process.url, before) as edge,
        ):
            before = edge
            message = message or edge.message()
            if armed:
                with pytest.raises(httpx.TransportError):
                    await edge.post(message)
                assert await process.ended() == -9
                assert len(await edge.stored()) == kept
            else:
                assert edge.proves(message, await edge.post(message))
                (row,) = await edge.stored()
                assert row["state"] == "accepted"
                assert await edge.told() == 1
