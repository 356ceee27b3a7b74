"""AS4 with phase4, a Java access point in production use, in both directions."""

import dataclasses
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from deploy.local.pki import Pki
from services.delivery.domain.outcome import Delivered, Failed, Outcome
from services.delivery.peppol import as4_message, as4_out, sbdh
from services.delivery.peppol.as4_in import Receiver
from services.delivery.peppol.participant import BIS_INVOICE, BIS_PROCESS, ParticipantIdentifier
from services.delivery.peppol.settings import PeppolSettings
from services.delivery.peppol.xml import canonical, parse
from tests.conformance.our_access_point import OurAccessPoint
from tests.conformance.phase4.peer import Phase4, running
from tests.unit.delivery.peppol.network import (
    BUYER,
    OURS,
    SELLER,
    THEIRS,
    identity,
    invoice,
    settings,
)

SIZES = [pytest.param(10_000, id="10kB"), pytest.param(5_000_000, id="5MB")]
COMPRESSED = [pytest.param(True, id="gzip"), pytest.param(False, id="plain")]
LIMIT = 20_000_000

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki.at(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def phase4(pki: Pki, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Phase4]:
    with running(pki, THEIRS, tmp_path_factory.mktemp("phase4")) as peer:
        yield peer


@pytest.fixture(scope="module")
def ours(pki: Pki) -> PeppolSettings:
    return settings(pki)


@pytest.fixture
async def receiving(ours: PeppolSettings) -> AsyncIterator[OurAccessPoint]:
    served = ParticipantIdentifier.parse(BUYER)
    access_point = OurAccessPoint(Receiver(ours.identity, ours.ap_trust, served.same_as))
    await access_point.start()
    yield access_point
    await access_point.stop()


ENVELOPE = sbdh.Envelope(
    sender=ParticipantIdentifier.parse(SELLER),
    receiver=ParticipantIdentifier.parse(BUYER),
    document_type=BIS_INVOICE,
    process=BIS_PROCESS,
    country="BE",
    instance_identifier="facteur-1",
    created=datetime.now(UTC),
)


def build(
    pki: Pki, ours: PeppolSettings, url: str, document: bytes, *, compress: bool = True
) -> as4_message.Prepared:
    envelope = dataclasses.replace(ENVELOPE, instance_identifier=str(uuid4()))
    peer = pki.access_point(THEIRS).certificate
    return as4_message.build(
        ours.identity, peer, f"{url}/as4", envelope, document, compress=compress
    )


async def deliver(ours: PeppolSettings, prepared: as4_message.Prepared) -> Outcome:
    async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
        return await as4_out.send(client, prepared, ours.ap_trust)


@pytest.mark.parametrize("compress", COMPRESSED)
@pytest.mark.parametrize("size", SIZES)
async def test_phase4_takes_our_document_and_we_believe_its_receipt(
    pki: Pki, ours: PeppolSettings, phase4: Phase4, size: int, compress: bool
) -> None:
    document = invoice(size=size)
    prepared = build(pki, ours, phase4.url, document, compress=compress)
    outcome = await deliver(ours, prepared)

    assert isinstance(outcome, Delivered), outcome
    assert outcome.proof["access_point"] == THEIRS
    [kept] = [k for k in phase4.received if k.message_id == prepared.message_id]
    assert kept.instance == prepared.instance_identifier
    assert (kept.sender, kept.receiver, kept.country) == (SELLER, BUYER, "BE")
    assert kept.compressed is compress
    assert canonical(parse(kept.document, LIMIT)) == canonical(parse(document, LIMIT))


@pytest.mark.parametrize("compress", COMPRESSED)
@pytest.mark.parametrize("size", SIZES)
async def test_we_take_phase4s_document_and_it_believes_our_receipt(
    pki: Pki, phase4: Phase4, receiving: OurAccessPoint, size: int, compress: bool
) -> None:
    document = invoice(size=size)
    said = await send(
        pki, phase4, receiving, document, compress=str(compress).lower(), instance="abc-7"
    )

    assert said["result"] == "SUCCESS", said
    assert said["receipt"] == "true"
    assert said["digests"] == "equal"
    [taken] = receiving.accepted.values()
    assert taken.sent_by == THEIRS
    assert taken.envelope.instance_identifier == "abc-7"
    assert str(taken.envelope.receiver) == BUYER
    assert canonical(parse(taken.document, LIMIT)) == canonical(parse(document, LIMIT))


async def send(
    pki: Pki, phase4: Phase4, receiving: OurAccessPoint, document: bytes, **more: str
) -> dict[str, str]:
    parameters = {
        "sender": SELLER,
        "receiver": BUYER,
        "doctype": BIS_INVOICE.value,
        "process": BIS_PROCESS.value,
        "country": "BE",
        **more,
    }
    return await phase4.send(receiving.url, pki.folder / f"{OURS}.pem", document, **parameters)


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(b"\xef\xbb\xbf" + invoice(), id="BOM"),
        pytest.param(
            invoice().decode().replace('encoding="UTF-8"', 'encoding="UTF-16"').encode("utf-16"),
            id="UTF-16",
        ),
        pytest.param(
            invoice(note="été")
            .decode()
            .replace('encoding="UTF-8"', 'encoding="ISO-8859-1"')
            .encode("iso-8859-1"),
            id="Latin-1",
        ),
        pytest.param(invoice().replace(b"<cbc:Note>", b"<cbc:Note>\r\n \t "), id="whitespace"),
        pytest.param(
            invoice().replace(b"<cbc:Note>", b"<!-- c --><cbc:Note><![CDATA[<&]]>"), id="CDATA"
        ),
    ],
)
async def test_odd_but_legal_xml_passes_both_ways_uncompressed(
    pki: Pki, ours: PeppolSettings, phase4: Phase4, receiving: OurAccessPoint, document: bytes
) -> None:
    said = await send(pki, phase4, receiving, document, compress="false")
    assert said["result"] == "SUCCESS", said
    [taken] = receiving.accepted.values()
    assert canonical(parse(taken.document, LIMIT)) == canonical(parse(document, LIMIT))

    for compress in (True, False):
        prepared = build(pki, ours, phase4.url, document, compress=compress)
        assert isinstance(await deliver(ours, prepared), Delivered)
        [kept] = [k for k in phase4.received if k.message_id == prepared.message_id]
        assert canonical(parse(kept.document, LIMIT)) == canonical(parse(document, LIMIT))


async def test_a_repeated_message_is_delivered_without_proof(
    pki: Pki, ours: PeppolSettings, phase4: Phase4
) -> None:
    prepared = build(pki, ours, phase4.url, invoice())
    first, again = await deliver(ours, prepared), await deliver(ours, prepared)

    assert isinstance(first, Delivered)
    assert first.evidence
    assert isinstance(again, Delivered), again
    assert not again.evidence
    assert again.proof["receipt_id"] == ""
    assert len([k for k in phase4.received if k.message_id == prepared.message_id]) == 1


async def test_phase4_repeating_a_message_gets_the_same_receipt(
    pki: Pki, phase4: Phase4, receiving: OurAccessPoint
) -> None:
    for _ in range(2):
        said = await send(
            pki, phase4, receiving, invoice(), messageId="twice@phase4", instance="twice"
        )
        assert said["result"] == "SUCCESS", said
    assert (len(receiving.accepted), receiving.repeats) == (1, 1)


async def test_phase4s_refusals_are_told_in_its_words(
    pki: Pki, ours: PeppolSettings, phase4: Phase4, tmp_path: Path
) -> None:
    envelope = dataclasses.replace(ENVELOPE, instance_identifier="")
    peer = pki.access_point(THEIRS).certificate
    prepared = as4_message.build(ours.identity, peer, f"{phase4.url}/as4", envelope, invoice())
    refused = await deliver(ours, prepared)
    assert isinstance(refused, Failed), refused
    assert refused.code == "EBMS:0004"
    assert "InstanceIdentifier" in refused.words

    stranger = identity(Pki.at(tmp_path), OURS)
    prepared = as4_message.build(stranger, peer, f"{phase4.url}/as4", ENVELOPE, invoice())
    refused = await deliver(ours, prepared)
    assert isinstance(refused, Failed), refused
    assert refused.code in ("EBMS:0101", "EBMS:0102")  # phase4 says 0102 whatever WSS4J refused
    assert not [k for k in phase4.received if k.message_id == prepared.message_id]


async def test_phase4_understands_our_refusal(
    pki: Pki, phase4: Phase4, receiving: OurAccessPoint
) -> None:
    said = await send(pki, phase4, receiving, invoice(), receiver="0088:5410000000002")

    assert said["result"] == "AS4_ERROR_MESSAGE_RECEIVED", said
    assert "PEPPOL:NOT_SERVICED" in said["error"]
    assert "EBMS:0004" in said["error"]
    assert receiving.accepted == {}
