"""AS4 towards a peer: a message built once, its stored bytes sent, its receipt verified.

A retry sends the same bytes, so that message id and SBDH instance stay what they were and the
peer can tell a duplicate. What an attempt ends in: services/delivery/domain/outcome.py.
"""

import gzip
import json
import os
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from uuid import uuid4

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.delivery.domain.outcome import Delivered, Failed, Outcome, Unknown
from services.delivery.peppol import mime, sbdh, signals
from services.delivery.peppol import names as n
from services.delivery.peppol.dsig import Identity, Reference, reference, token
from services.delivery.peppol.errors import As4Refused, known
from services.delivery.peppol.participant import PARTICIPANT_SCHEME
from services.delivery.peppol.soap import open_envelope, seal
from services.delivery.peppol.trust import Trust, Untrusted, fingerprint, name_of
from services.delivery.peppol.xml import canonical, escape, parse

MOST_DOCUMENT = 20 * 1024 * 1024
MOST_ANSWER = 1024 * 1024
CHUNK = 64 * 1024
OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


@dataclass(frozen=True)
class Prepared:
    """A message ready to be sent, and what is needed to believe its receipt."""

    endpoint: str
    message_id: str
    instance_identifier: str
    content_type: str
    peer_certificate: bytes
    """DER, of the access point that the message is encrypted for."""
    references: tuple[Reference, ...]
    body: bytes

    def to_bytes(self) -> bytes:
        """One line of JSON, then the HTTP body: this is what is stored."""
        head = {
            "endpoint": self.endpoint,
            "message_id": self.message_id,
            "instance_identifier": self.instance_identifier,
            "content_type": self.content_type,
            "peer_certificate": b64encode(self.peer_certificate).decode(),
            "references": [[r.uri, r.digest, r.algorithm, r.transform] for r in self.references],
        }
        return json.dumps(head).encode() + b"\n" + self.body

    @classmethod
    def from_bytes(cls, stored: bytes) -> "Prepared":
        line, _, body = stored.partition(b"\n")
        head = json.loads(line)
        return cls(
            endpoint=head["endpoint"],
            message_id=head["message_id"],
            instance_identifier=head["instance_identifier"],
            content_type=head["content_type"],
            peer_certificate=b64decode(head["peer_certificate"]),
            references=tuple(Reference(*r) for r in head["references"]),
            body=body,
        )


def build(
    identity: Identity,
    peer: x509.Certificate,
    endpoint: str,
    envelope: sbdh.Envelope,
    document: bytes,
    *,
    message_id: str | None = None,
    compress: bool = True,
) -> Prepared:
    """Envelope, compress, sign and encrypt a document (2 ms for 10 kB; run big ones in a thread).

    `compress=False` sends the XML as it is, canonicalised, as WS-Security signs it.
    Raises `sbdh.EnvelopeError` when the document can't be sent.
    """
    payload = sbdh.wrap(envelope, document, MOST_DOCUMENT)
    media_type = "application/gzip" if compress else "application/xml"
    payload = (
        gzip.compress(payload, compresslevel=6, mtime=0)
        if compress
        else canonical(parse(payload, len(payload)))
    )
    key_id, message_id = str(uuid4()), message_id or signals.new_message_id()
    content_id = f"payload-{key_id}@facteur"
    part = reference(f"cid:{content_id}", payload, n.ATTACHMENT_SIGNED)
    session_key, nonce = AESGCM.generate_key(128), os.urandom(12)
    encrypted = nonce + AESGCM(session_key).encrypt(nonce, payload, None)
    sealed = seal(
        identity,
        key_id,
        _user_message(identity, peer, envelope, message_id, content_id, compress=compress),
        attachments=(part,),
        security=_encryption(peer, session_key, key_id, content_id, media_type),
    )
    content_type, body = mime.build(f"=_{uuid4().hex}", sealed.envelope, content_id, encrypted)
    return Prepared(
        endpoint=endpoint,
        message_id=message_id,
        instance_identifier=envelope.instance_identifier,
        content_type=content_type,
        peer_certificate=peer.public_bytes(serialization.Encoding.DER),
        references=sealed.references,
        body=body,
    )


def _user_message(
    identity: Identity,
    peer: x509.Certificate,
    envelope: sbdh.Envelope,
    message_id: str,
    content_id: str,
    *,
    compress: bool,
) -> str:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    compression = (
        '<eb:Property name="CompressionType">application/gzip</eb:Property>' if compress else ""
    )
    return (
        f"<eb:UserMessage><eb:MessageInfo><eb:Timestamp>{now}</eb:Timestamp>"
        f"<eb:MessageId>{escape(message_id)}</eb:MessageId></eb:MessageInfo><eb:PartyInfo>"
        f"{_party('From', identity.ap_id, n.INITIATOR)}{_party('To', name_of(peer), n.RESPONDER)}</eb:PartyInfo>"
        f"<eb:CollaborationInfo><eb:AgreementRef>{n.AGREEMENT}</eb:AgreementRef>"
        f'<eb:Service type="{escape(envelope.process.scheme)}">{escape(envelope.process.value)}</eb:Service>'
        f"<eb:Action>{escape(str(envelope.document_type))}</eb:Action>"
        f"<eb:ConversationId>{uuid4()}@facteur</eb:ConversationId></eb:CollaborationInfo>"
        f"<eb:MessageProperties>{_property('originalSender', str(envelope.sender))}"
        f"{_property('finalRecipient', str(envelope.receiver))}</eb:MessageProperties>"
        f'<eb:PayloadInfo><eb:PartInfo href="cid:{content_id}"><eb:PartProperties>'
        f'<eb:Property name="MimeType">application/xml</eb:Property>{compression}'
        f"</eb:PartProperties></eb:PartInfo></eb:PayloadInfo></eb:UserMessage>"
    )


def _party(role: str, ap_id: str, responsibility: str) -> str:
    return (
        f'<eb:{role}><eb:PartyId type="{n.AP_PARTY_TYPE}">{escape(ap_id)}</eb:PartyId>'
        f"<eb:Role>{responsibility}</eb:Role></eb:{role}>"
    )


def _property(name: str, value: str) -> str:
    return f'<eb:Property name="{name}" type="{PARTICIPANT_SCHEME}">{escape(value)}</eb:Property>'


def _encryption(
    peer: x509.Certificate, session_key: bytes, key_id: str, content_id: str, media_type: str
) -> str:
    public = peer.public_key()
    if not isinstance(public, rsa.RSAPublicKey):
        raise sbdh.EnvelopeError(f"the certificate of {name_of(peer)} has no RSA key")
    encrypted_key = b64encode(public.encrypt(session_key, OAEP)).decode()
    return (
        f"{token(peer, f'PEER-{key_id}')}"
        f'<xenc:EncryptedKey xmlns:xenc="{n.XENC}" xmlns:ds="{n.DS}" Id="EK-{key_id}">'
        f'<xenc:EncryptionMethod Algorithm="{n.RSA_OAEP}"><ds:DigestMethod Algorithm="{n.SHA256}"/>'
        f'<xenc11:MGF xmlns:xenc11="{n.XENC11}" Algorithm="{n.MGF1_SHA256}"/></xenc:EncryptionMethod>'
        f"<ds:KeyInfo><wsse:SecurityTokenReference>"
        f'<wsse:Reference URI="#PEER-{key_id}" ValueType="{n.X509_V3}"/>'
        f"</wsse:SecurityTokenReference></ds:KeyInfo><xenc:CipherData>"
        f"<xenc:CipherValue>{encrypted_key}</xenc:CipherValue></xenc:CipherData>"
        f'<xenc:ReferenceList><xenc:DataReference URI="#ED-{key_id}"/></xenc:ReferenceList>'
        f'</xenc:EncryptedKey><xenc:EncryptedData xmlns:xenc="{n.XENC}" xmlns:ds="{n.DS}"'
        f' Id="ED-{key_id}" MimeType="{media_type}" Type="{n.ATTACHMENT_CONTENT_ONLY}">'
        f'<xenc:EncryptionMethod Algorithm="{n.AES128_GCM}"/><ds:KeyInfo>'
        f'<wsse:SecurityTokenReference xmlns:wsse11="{n.WSSE11}" wsse11:TokenType="{n.ENCRYPTED_KEY}">'
        f'<wsse:Reference URI="#EK-{key_id}"/></wsse:SecurityTokenReference></ds:KeyInfo>'
        f'<xenc:CipherData><xenc:CipherReference URI="cid:{content_id}"><xenc:Transforms>'
        f'<ds:Transform Algorithm="{n.ATTACHMENT_CIPHERTEXT}"/></xenc:Transforms>'
        f"</xenc:CipherReference></xenc:CipherData></xenc:EncryptedData>"
    )


class _Watched:
    """An HTTP body that knows whether its last byte was handed over."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.handed_over = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._body), CHUNK):
            self.handed_over = start + CHUNK >= len(self._body)
            yield self._body[start : start + CHUNK]


async def send(client: httpx.AsyncClient, prepared: Prepared, trust: Trust) -> Outcome:
    """Send the stored bytes once. Never raises for what the peer or the network does."""
    body = _Watched(prepared.body)
    headers = {"Content-Type": prepared.content_type, "Content-Length": str(len(prepared.body))}
    try:
        async with client.stream(
            "POST", prepared.endpoint, content=body, headers=headers
        ) as response:
            answer = bytearray()
            async for chunk in response.aiter_bytes():
                answer += chunk
                if len(answer) > MOST_ANSWER:
                    return Unknown(f"the access point's answer is longer than {MOST_ANSWER} bytes")
            return judge(
                prepared, trust, response.status_code, dict(response.headers), bytes(answer)
            )
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        words = f"{type(error).__name__}: {str(error)[:300] or 'no details'}"
        if body.handed_over:
            return Unknown(f"the connection was lost after the document was sent ({words})")
        return Failed(f"the access point can't be reached ({words})", "peppol.unreachable")


def judge(
    prepared: Prepared, trust: Trust, status: int, headers: dict[str, str], answer: bytes
) -> Outcome:
    """What an answer means for the delivery: proof, refusal, or neither."""
    try:
        soap, _ = mime.split(headers, answer)
        opened = open_envelope(soap)
        signal = signals.read(opened)
    except As4Refused as refused:
        return _without_signal(status, f"HTTP {status}, {refused.words}")
    if signal.errors and not signal.has_receipt:
        return _judge_error(prepared, signal)
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


def _judge_error(prepared: Prepared, signal: signals.Signal) -> Outcome:
    words = "; ".join(e.words for e in signal.errors)[:2000]
    if signal.ref_to not in ("", prepared.message_id):
        return Unknown(f"the access point answered for another message: {words}")
    if any(e.says_duplicate for e in signal.errors):
        proof = {
            "message_id": prepared.message_id,
            "instance_identifier": prepared.instance_identifier,
            "receipt_id": "",
            "access_point": name_of(x509.load_der_x509_certificate(prepared.peer_certificate)),
            "note": "the access point already had this message; no receipt",
        }
        return Delivered(f"already delivered, without proof: {words}", proof)
    first = signal.errors[0]
    not_serviced = any("NOT_SERVICED" in e.detail for e in signal.errors)
    return Failed(
        f"the access point refused: {words}",
        first.code,
        known(first.code).retryable and not not_serviced,
    )


def _check_peer(prepared: Prepared, trust: Trust, signer: x509.Certificate) -> None:
    """The receipt is the access point's: its very certificate, or a trusted newer one of that id."""
    ours = x509.load_der_x509_certificate(prepared.peer_certificate)
    if signer == ours:
        return
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
