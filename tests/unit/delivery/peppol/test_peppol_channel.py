"""The channel against a directory and an access point that share no code with it."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.local.peers.access_point import AccessPoint, Options
from deploy.local.pki import leaf
from services.delivery.domain.outcome import Delivered, Failed, Refused, Unknown
from services.delivery.peppol.as4_message import Prepared
from services.delivery.peppol.signals import SignalError
from services.delivery.peppol.xml import canonical, parse
from tests.unit.delivery.peppol.network import BUYER, CORPUS, THEIRS, Network, invoice, job

MOST = 1_000_000


async def test_a_document_arrives_once_and_its_receipt_is_the_proof(network: Network) -> None:
    due = job(invoice())
    stored = await network.channel.prepare(due)
    outcome = await network.channel.send(replace(due, prepared=stored))

    assert isinstance(outcome, Delivered), outcome
    assert outcome.proof["access_point"] == "PFR000002"
    assert outcome.proof["receipt_sha256"] == hashlib.sha256(outcome.evidence).hexdigest()
    [received] = network.peer.store.received
    assert received.instance_identifier == str(due.delivery_id)
    assert received.message_id == outcome.proof["message_id"]
    assert (received.sender, received.receiver, received.country) == (
        "0208:0123456749",
        BUYER,
        "BE",
    )
    assert received.number == "F-1"


async def test_the_bytes_are_prepared_once_and_sent_again_as_they_are(network: Network) -> None:
    due = job(invoice())
    due = replace(due, prepared=await network.channel.prepare(due))
    first, second = await network.channel.send(due), await network.channel.send(due)

    assert isinstance(first, Delivered)
    assert isinstance(second, Delivered)
    assert first.evidence == second.evidence
    assert len(network.peer.store.received) == 1
    assert list(network.peer.store.repeats.values()) == [1]


async def test_a_duplicate_that_gets_an_error_is_delivered_without_proof(network: Network) -> None:
    network.peer.behaviour.duplicates = "error"
    due = job(invoice())
    due = replace(due, prepared=await network.channel.prepare(due))
    await network.channel.send(due)
    again = await network.channel.settle(due)

    assert isinstance(again, Delivered)
    assert again.proof["receipt_id"] == ""
    assert again.evidence == b""
    assert "without proof" in again.words


@pytest.mark.parametrize(
    ("answer", "kept"), [("drop", 1), ("nothing", 1), ("error", 1), ("wrong", 1)]
)
async def test_lost_after_the_last_byte_is_unknown_and_settles(
    network: Network, answer: str, kept: int
) -> None:
    network.peer.behaviour.answer, network.peer.behaviour.times = answer, 1
    due = job(invoice())
    due = replace(due, prepared=await network.channel.prepare(due))

    assert isinstance(await network.channel.send(due), Unknown)
    settled = await network.channel.settle(due)
    assert isinstance(settled, Delivered)
    assert settled.evidence
    assert len(network.peer.store.received) == kept


async def test_a_peer_that_is_down_has_nothing_and_is_tried_again(network: Network) -> None:
    due = job(invoice())
    due = replace(due, prepared=await network.channel.prepare(due))
    network.peer.behaviour.answer = "unavailable"
    busy = await network.channel.send(due)
    network.peer.behaviour.answer = ""
    assert isinstance(busy, Failed)
    assert busy.retryable
    assert network.peer.store.received == []

    assert due.prepared is not None
    elsewhere = replace(Prepared.from_bytes(due.prepared), endpoint="http://127.0.0.1:9/as4")
    refused = await network.channel.send(replace(due, prepared=elsewhere.to_bytes()))
    assert isinstance(refused, Failed)
    assert refused.retryable
    unsettled = await network.channel.settle(replace(due, prepared=elsewhere.to_bytes()))
    assert isinstance(unsettled, Unknown)


async def test_an_error_signal_is_told_in_the_peers_words(network: Network) -> None:
    network.peer.behaviour.answer = "refuse"
    due = job(invoice())
    outcome = await network.channel.send(replace(due, prepared=await network.channel.prepare(due)))

    assert isinstance(outcome, Failed)
    assert outcome.code == "EBMS:0004"
    assert "refuses everything today" in outcome.words


@pytest.mark.parametrize("answer", ["refuse", "unavailable"])
async def test_a_refused_repetition_says_nothing_of_what_was_sent_first(
    network: Network, answer: str
) -> None:
    due = job(invoice())
    due = replace(due, prepared=await network.channel.prepare(due))
    network.peer.behaviour.answer = answer
    assert isinstance(await network.channel.send(due), Failed)
    settled = await network.channel.settle(due)
    assert isinstance(settled, Unknown)
    assert "not settled yet" in settled.words
    assert not settled.needs_person


async def test_what_was_never_prepared_was_never_sent(network: Network) -> None:
    settled = await network.channel.settle(job(invoice()))
    assert isinstance(settled, Failed)
    assert settled.retryable


async def test_a_message_is_made_anew_for_a_peer_that_changed_its_certificate(
    network: Network, tmp_path: Path
) -> None:
    """The same message: its ids stay, so that a peer which has it after all can tell."""
    due = job(invoice())
    due = replace(due, prepared=await network.channel.prepare(due))
    renewed = leaf(THEIRS, network.pki.ap_ca)
    renewed.write(tmp_path / "renewed", THEIRS)
    certificate, key = (tmp_path / "renewed" / f"{THEIRS}.{kind}" for kind in ("pem", "key"))
    authority = [network.pki.folder / f"{name}.pem" for name in ("root-ca", "ap-ca")]
    peer = AccessPoint(Options(tmp_path / "new", certificate, key, authority))
    try:
        network.register(BUYER, f"{peer.url}/as4", renewed.certificate)
        assert due.prepared is not None
        old = replace(Prepared.from_bytes(due.prepared), endpoint=f"{peer.url}/as4")
        refused = await network.channel.send(replace(due, prepared=old.to_bytes()))
        assert isinstance(refused, Failed), refused
        assert refused.code.startswith("EBMS:")
        assert (refused.retryable, refused.prepare_again) == (True, True)

        anew = await network.channel.prepare(replace(due, prepared=None))
        assert anew is not None
        new = Prepared.from_bytes(anew)
        assert (new.message_id, new.instance_identifier) == (
            old.message_id,
            old.instance_identifier,
        )
        assert isinstance(await network.channel.send(replace(due, prepared=anew)), Delivered)
        assert [r.message_id for r in peer.store.received] == [old.message_id]
    finally:
        await peer.close()


async def test_a_message_is_made_anew_for_a_peer_that_moved(network: Network) -> None:
    due = job(invoice())
    theirs = network.pki.access_point(THEIRS).certificate
    network.register(BUYER, "http://127.0.0.1:9/as4", theirs)
    due = replace(due, prepared=await network.channel.prepare(due))
    still = await network.channel.send(due)
    assert isinstance(still, Failed)
    assert not still.prepare_again
    network.register(BUYER, f"{network.peer.url}/as4", theirs)
    moved = await network.channel.send(due)
    assert isinstance(moved, Failed)
    assert moved.prepare_again
    anew = await network.channel.prepare(replace(due, prepared=None))
    assert isinstance(await network.channel.send(replace(due, prepared=anew)), Delivered)


async def test_a_refusal_is_final_where_the_directory_says_the_same_as_before(
    network: Network,
) -> None:
    due = job(invoice())
    stranger = leaf(THEIRS, network.pki.ap_ca)
    network.register(BUYER, f"{network.peer.url}/as4", stranger.certificate)
    refused = await network.channel.send(replace(due, prepared=await network.channel.prepare(due)))
    assert isinstance(refused, Failed), refused
    assert (refused.retryable, refused.prepare_again) == (False, False)


@pytest.mark.parametrize(
    ("document", "participant", "code", "said"),
    [
        (invoice(country=""), BUYER, "peppol.document", "BT-40"),
        (invoice(country="be"), BUYER, "peppol.document", "capitals"),
        (b"<Invoice/>", BUYER, "peppol.document", "BT-24"),
        (b"not xml", BUYER, "peppol.document", "well-formed"),
        (invoice(), "0208:0123456748", "peppol.route", "0208"),
        (invoice(), "nobody", "peppol.route", "code:value"),
        (invoice(), "0208:0999999922", "peppol.not_registered", "not registered"),
    ],
)
async def test_what_can_not_be_sent_is_refused_before_a_byte_leaves(
    network: Network, document: bytes, participant: str, code: str, said: str
) -> None:
    with pytest.raises(Refused) as refused:
        await network.channel.prepare(job(document, participant=participant))
    assert refused.value.code == code
    assert said in refused.value.words
    assert not refused.value.retryable


async def test_official_examples_arrive_unchanged(network: Network) -> None:
    folder = CORPUS / "peppol" / "billing"
    if not folder.is_dir():
        pytest.skip("the corpus of example invoices is not here")
    paths = [p for p in sorted(folder.iterdir()) if "profile02" not in p.name]  # another process
    for path in paths:
        due = job(path.read_bytes())
        due = replace(due, prepared=await network.channel.prepare(due))
        assert isinstance(await network.channel.send(due), Delivered), path
    assert len(network.peer.store.received) == len(paths) > 3
    for path, received in zip(paths, network.peer.store.received, strict=True):
        kept = network.peer.store.document(received.file)
        assert kept is not None
        assert canonical(parse(kept.read_bytes(), MOST)) == canonical(
            parse(path.read_bytes(), MOST)
        )


def test_duplicate_is_recognised_in_other_words() -> None:
    assert SignalError("EBMS:0004", "failure", "Other", "Found duplicate message X").says_duplicate
    assert SignalError("EBMS:0004", "failure", "Duplicate", "").says_duplicate
    assert not SignalError("EBMS:0004", "failure", "Other", "PEPPOL:NOT_SERVICED").says_duplicate
