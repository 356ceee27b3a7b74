"""AS4 towards a peer: stored bytes sent, and the answer judged.

What an attempt ends in: services/delivery/domain/outcome.py. Anything lost after the last byte
was handed over is unknown, and settled by sending the same bytes again.
"""

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256

import httpx
from cryptography import x509

from services.delivery.domain.outcome import Delivered, Failed, Outcome, Unknown
from services.delivery.peppol import mime, signals
from services.delivery.peppol.answer import UNENCODED, UnusableAnswer, read_answer
from services.delivery.peppol.as4_message import Prepared
from services.delivery.peppol.errors import As4Refused, known
from services.delivery.peppol.soap import Opened, open_envelope
from services.delivery.peppol.trust import Trust, Untrusted, fingerprint, name_of

MOST_ANSWER = 1024 * 1024
CHUNK = 64 * 1024
SLOWEST = 128 * 1024
"""Bytes a second that a peer must take, beyond the time it has to answer."""


class _Watched:
    """An HTTP body that knows whether its last byte was handed over."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.handed_over = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._body), CHUNK):
            self.handed_over = start + CHUNK >= len(self._body)
            yield self._body[start : start + CHUNK]


async def send(
    client: httpx.AsyncClient,
    prepared: Prepared,
    trust: Trust,
    *,
    again: bool = False,
    seconds: float = 60.0,
) -> Outcome:
    """Send the stored bytes once. Never raises for what the peer or the network does.

    `again`: they, or others of this message, were sent before. The whole exchange has `seconds`,
    and more for a large document: a peer that trickles its answer holds nothing longer.
    """
    body = _Watched(prepared.body)
    try:
        async with asyncio.timeout(seconds + len(prepared.body) / SLOWEST):
            return await _exchange(client, prepared, trust, body, again=again)
    except UnusableAnswer as unusable:
        return Unknown(f"the access point's answer {unusable}")
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        details = str(error)[:300] or "not done in time"
        words = f"{type(error).__name__}: {details}"
        if body.handed_over:
            return Unknown(f"the connection was lost after the document was sent ({words})")
        return Failed(f"the access point can't be reached ({words})", "peppol.unreachable")


async def _exchange(
    client: httpx.AsyncClient, prepared: Prepared, trust: Trust, body: _Watched, *, again: bool
) -> Outcome:
    headers = {
        "Content-Type": prepared.content_type,
        "Content-Length": str(len(prepared.body)),
        **UNENCODED,
    }
    async with client.stream("POST", prepared.endpoint, content=body, headers=headers) as response:
        answer = await read_answer(response, MOST_ANSWER)
    said = dict(response.headers)
    return judge(prepared, trust, response.status_code, said, answer, again=again)


def judge(
    prepared: Prepared,
    trust: Trust,
    status: int,
    headers: dict[str, str],
    answer: bytes,
    *,
    again: bool = False,
) -> Outcome:
    """What an answer means for the delivery: proof, refusal, or neither."""
    try:
        soap, _ = mime.split(headers, answer)
        opened = open_envelope(soap)
        signal = signals.read(opened)
    except As4Refused as refused:
        return _without_signal(status, f"HTTP {status}, {refused.words}")
    if signal.errors and not signal.has_receipt:
        return _judge_error(prepared, trust, opened, signal, again=again)
    try:
        verified = opened.authenticate()
        _check_peer(prepared, trust, verified.certificate)
        _check_proof(prepared, signal)
    except (As4Refused, Untrusted) as problem:
        return Unknown(f"the access point's receipt proves nothing: {problem}")
    proof = {
        "message_id": prepared.message_id,
        "receipt_id": signal.message_id,
        "receipt_timestamp": signal.timestamp,
        "access_point": name_of(verified.certificate),
        "certificate_sha256": fingerprint(verified.certificate),
        "instance_identifier": prepared.instance_identifier,
        "receipt_sha256": sha256(answer).hexdigest(),
    }
    return Delivered(f"receipt {signal.message_id} of {proof['access_point']}", proof, answer)


def _without_signal(status: int, words: str) -> Outcome:
    if status in (429, 503):
        return Failed(f"the access point is busy: {words}", "peppol.busy")
    if 400 <= status < 500:
        return Failed(
            f"the access point refused: {words}", f"http.{status}", retryable=status == 404
        )
    return Unknown(f"the access point answered without a receipt: {words}")


def _judge_error(
    prepared: Prepared, trust: Trust, opened: Opened, signal: signals.Signal, *, again: bool
) -> Outcome:
    words = "; ".join(e.words for e in signal.errors)[:2000]
    if signal.ref_to not in ("", prepared.message_id):
        return Unknown(f"the access point answered for another message: {words}")
    if any(e.says_duplicate for e in signal.errors):
        return _judge_duplicate(prepared, trust, opened, signal, words, again=again)
    first = signal.errors[0]
    not_serviced = any("NOT_SERVICED" in e.detail for e in signal.errors)
    return Failed(
        f"the access point refused: {words}",
        first.code,
        known(first.code).retryable and not not_serviced,
    )


def _judge_duplicate(
    prepared: Prepared,
    trust: Trust,
    opened: Opened,
    signal: signals.Signal,
    words: str,
    *,
    again: bool,
) -> Outcome:
    """Errors are seldom signed, so this one is believed of a message that may be there already, or
    where the access point signed it; it must name the message in any case."""
    if signal.ref_to != prepared.message_id:
        return Unknown(f"the access point says duplicate, but not of which message: {words}")
    if not again and not _signed_by_peer(prepared, trust, opened):
        return Unknown(f"called a duplicate at its first sending, without a signature: {words}")
    proof = {
        "message_id": prepared.message_id,
        "instance_identifier": prepared.instance_identifier,
        "receipt_id": "",
        "access_point": name_of(x509.load_der_x509_certificate(prepared.peer_certificate)),
        "note": "the access point already had this message; no receipt",
    }
    return Delivered(f"already delivered, without proof: {words}", proof)


def _signed_by_peer(prepared: Prepared, trust: Trust, opened: Opened) -> bool:
    try:
        _check_peer(prepared, trust, opened.authenticate().certificate)
    except (As4Refused, Untrusted):
        return False
    return True


def _check_peer(prepared: Prepared, trust: Trust, signer: x509.Certificate) -> None:
    """The receipt is the access point's: its very certificate, or a newer one of that id. Trusted now:
    the one that we encrypted for may have been revoked since."""
    ours = x509.load_der_x509_certificate(prepared.peer_certificate)
    if name_of(signer) != name_of(ours):
        raise Untrusted(f"it is signed by {name_of(signer)}, not by {name_of(ours)}")
    trust.check(signer)


def _check_proof(prepared: Prepared, signal: signals.Signal) -> None:
    """It refers to our message and repeats exactly the digests that we signed."""
    if signal.ref_to != prepared.message_id:
        raise As4Refused("EBMS:0302", "it refers to another message")
    ours = {(r.uri, r.digest, r.algorithm) for r in prepared.references}
    theirs = {(r.uri, r.digest, r.algorithm) for r in signal.acknowledged}
    if ours != theirs:
        raise As4Refused("EBMS:0302", "it acknowledges other content than what was sent")
