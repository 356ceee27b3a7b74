"""A receipt is a proof or it is nothing: what attackers and mistakes make of one is never believed."""

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.local.pki import Pki, leaf, revocation_list
from services.delivery.domain.outcome import Delivered, Failed, Outcome, Unknown
from services.delivery.peppol import as4_message, signals
from services.delivery.peppol import names as n
from services.delivery.peppol.as4_message import Prepared
from services.delivery.peppol.as4_out import judge
from services.delivery.peppol.dsig import Identity, Reference
from services.delivery.peppol.soap import CONTENT_TYPE
from services.delivery.peppol.trust import Trust
from tests.unit.delivery.peppol import attacks
from tests.unit.delivery.peppol.network import OURS, THEIRS, identity, invoice
from tests.unit.delivery.peppol.test_peppol_as4_in import ENVELOPE, as_identity

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def peer(pki: Pki) -> Identity:
    return identity(pki, THEIRS)


@pytest.fixture(scope="module")
def trust(pki: Pki) -> Trust:
    return Trust.read([pki.folder / "root-ca.pem", pki.folder / "ap-ca.pem"], [pki.crl])


@pytest.fixture
def sent(pki: Pki, peer: Identity) -> Prepared:
    return as4_message.build(identity(pki, OURS), peer.certificate, "http://x", ENVELOPE, invoice())


def judged(sent: Prepared, trust: Trust, answer: bytes, status: int = 200) -> Outcome:
    return judge(sent, trust, status, {"content-type": CONTENT_TYPE}, answer)


def receipt(peer: Identity, sent: Prepared, **changes: object) -> bytes:
    of = dataclasses.replace(sent, **changes)  # type: ignore[arg-type]
    return signals.receipt(peer, of.message_id, of.references, NOW)[1]


def test_the_peers_receipt_is_proof_also_after_it_renewed_its_certificate(
    pki: Pki, peer: Identity, sent: Prepared, trust: Trust
) -> None:
    assert isinstance(judged(sent, trust, receipt(peer, sent)), Delivered)
    renewed = as_identity(leaf(THEIRS, pki.ap_ca))
    assert isinstance(judged(sent, trust, receipt(renewed, sent)), Delivered)


def test_stored_bytes_are_enough_to_judge_by(peer: Identity, sent: Prepared, trust: Trust) -> None:
    restored = Prepared.from_bytes(sent.to_bytes())
    assert restored == sent
    assert isinstance(judged(restored, trust, receipt(peer, sent)), Delivered)


@pytest.mark.parametrize("wrapping", attacks.WRAPPINGS)
def test_a_wrapped_receipt_proves_nothing(
    peer: Identity, sent: Prepared, trust: Trust, wrapping: Callable[[str, str], attacks.Change]
) -> None:
    """The proved hole: one genuine receipt made to speak of another message."""
    genuine = receipt(peer, sent, message_id="another@one")
    forged = attacks.changed_soap(genuine, wrapping("another@one", sent.message_id))
    assert isinstance(judged(sent, trust, forged), Unknown)


def test_a_receipt_for_another_message_or_content_proves_nothing(
    peer: Identity, sent: Prepared, trust: Trust
) -> None:
    first, *rest = sent.references
    other = dataclasses.replace(first, digest="AAAA")
    more = (*sent.references, Reference("#more", "AAAA"))
    for changes in (
        {"message_id": "another@one"},
        {"references": (other, *rest)},
        {"references": tuple(rest)},
        {"references": more},
        {"references": ()},
    ):
        outcome = judged(sent, trust, receipt(peer, sent, **changes))
        assert isinstance(outcome, Unknown), changes


def test_a_receipt_of_somebody_else_proves_nothing(
    pki: Pki, peer: Identity, sent: Prepared, trust: Trust, tmp_path: Path
) -> None:
    stranger = identity(Pki.at(tmp_path), THEIRS)  # the right name, an authority of its own
    neighbour = identity(pki, "PDE000009")  # a good access point, not this one
    revoked = as_identity(leaf(THEIRS, pki.ap_ca))
    pki.revoke(revoked.certificate)
    strict = Trust.read([pki.folder / "root-ca.pem", pki.folder / "ap-ca.pem"], [pki.crl])
    for signer in (stranger, neighbour, revoked):
        assert isinstance(judged(sent, strict, receipt(signer, sent)), Unknown)
    pki.revoke()


def test_a_receipt_by_the_certificate_that_was_encrypted_for_proves_nothing_once_that_is_revoked(
    pki: Pki, tmp_path: Path
) -> None:
    peer = as_identity(leaf(THEIRS, pki.ap_ca))
    sent = as4_message.build(identity(pki, OURS), peer.certificate, "http://x", ENVELOPE, invoice())
    crl = tmp_path / "ap.crl"
    crl.write_bytes(revocation_list(pki.ap_ca, []))
    strict = Trust.read([pki.folder / "root-ca.pem", pki.folder / "ap-ca.pem"], [crl])
    assert isinstance(judged(sent, strict, receipt(peer, sent)), Delivered)
    crl.write_bytes(revocation_list(pki.ap_ca, [peer.certificate]))
    outcome = judged(sent, strict, receipt(peer, sent))
    assert isinstance(outcome, Unknown)
    assert "revoked" in outcome.words


@pytest.mark.parametrize(
    "spoil",
    [
        lambda r: r.replace(b"DigestValue>", b"DigestValue> ", 1),
        lambda r: r[: r.index(b"<wsse:Security")] + r[r.index(b"</wsse:Security>") + 16 :],
        lambda r: b"<!DOCTYPE x>" + r,
        lambda r: r + b" " * 2_000_000,
        lambda r: r[:-20],
        lambda _: b"",
        lambda _: b"<html>thank you</html>",
    ],
    ids=["respaced", "unsigned", "doctype", "huge", "cut", "empty", "html"],
)
def test_a_spoilt_receipt_proves_nothing(
    peer: Identity, sent: Prepared, trust: Trust, spoil: Callable[[bytes], bytes]
) -> None:
    spoilt = spoil(receipt(peer, sent))
    assert isinstance(judged(sent, trust, spoilt), Unknown)


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [(503, Failed, True), (429, Failed, True), (404, Failed, True), (403, Failed, False),
     (413, Failed, False), (500, Unknown, None), (502, Unknown, None), (204, Unknown, None)],
)  # fmt: skip
def test_what_a_status_without_signal_means(
    sent: Prepared, trust: Trust, status: int, kind: type, retryable: bool | None
) -> None:
    outcome = judge(sent, trust, status, {"content-type": "text/html"}, b"<html/>")
    assert isinstance(outcome, kind)
    if isinstance(outcome, Failed):
        assert outcome.retryable is retryable


@pytest.mark.parametrize(
    ("code", "detail", "retryable"),
    [("EBMS:0202", "later", True), ("EBMS:0101", "who?", False), ("EBMS:0004", "PEPPOL:NOT_SERVICED", False),
     ("EBMS:0004", "database", True), ("EBMS:9999", "new", True)],
)  # fmt: skip
def test_an_error_says_whether_trying_again_helps(
    peer: Identity, sent: Prepared, trust: Trust, code: str, detail: str, retryable: bool
) -> None:
    answer = signals.error(peer, sent.message_id, code, detail, NOW)
    outcome = judged(sent, trust, answer)
    assert isinstance(outcome, Failed)
    assert (outcome.code, outcome.retryable) == (code, retryable)
    assert detail in outcome.words


def test_an_error_about_another_message_settles_nothing(
    peer: Identity, sent: Prepared, trust: Trust
) -> None:
    answer = signals.error(peer, "another@one", "EBMS:0101", "x", NOW)
    assert isinstance(judged(sent, trust, answer), Unknown)


def test_an_error_beside_a_receipt_is_no_refusal(
    peer: Identity, sent: Prepared, trust: Trust
) -> None:
    """A warning may ride along; the receipt decides, if it is one."""
    assert n.EB in receipt(peer, sent).decode()
    plain = judged(sent, trust, receipt(peer, sent))
    assert isinstance(plain, Delivered)
    assert plain.words.startswith("receipt ")


DUPLICATE = ("EBMS:0004", "Found duplicate message X")


def unsigned(signal: bytes) -> bytes:
    end = signal.index(b"</wsse:Security>") + len(b"</wsse:Security>")
    return signal[: signal.index(b"<wsse:Security")] + signal[end:]


def test_duplicate_is_believed_where_the_peer_signs_it_or_something_was_sent_before(
    pki: Pki, peer: Identity, sent: Prepared, trust: Trust, tmp_path: Path
) -> None:
    signed = signals.error(peer, sent.message_id, *DUPLICATE, NOW)
    foreign = signals.error(identity(Pki.at(tmp_path), THEIRS), sent.message_id, *DUPLICATE, NOW)
    neighbour = signals.error(identity(pki, "PDE000009"), sent.message_id, *DUPLICATE, NOW)
    assert isinstance(judged(sent, trust, signed), Delivered)
    for doubtful in (unsigned(signed), foreign, neighbour):
        first = judged(sent, trust, doubtful)
        assert isinstance(first, Unknown)
        assert "first sending" in first.words
    again = judge(sent, trust, 200, {"content-type": CONTENT_TYPE}, unsigned(signed), again=True)
    assert isinstance(again, Delivered)
    assert again.proof["receipt_id"] == ""
    assert not again.evidence


def test_duplicate_of_another_or_of_no_message_is_never_believed(
    peer: Identity, sent: Prepared, trust: Trust
) -> None:
    for ref_to in ("", "another@one"):
        answer = signals.error(peer, ref_to, *DUPLICATE, NOW)
        outcome = judge(sent, trust, 200, {"content-type": CONTENT_TYPE}, answer, again=True)
        assert isinstance(outcome, Unknown), ref_to
