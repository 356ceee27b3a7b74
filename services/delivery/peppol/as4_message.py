"""The AS4 message that we send: built once, signed and encrypted, then stored as it is.

A retry sends the same bytes, so that message id and SBDH instance stay what they were and the
peer can tell a duplicate.
"""

import gzip
import json
import os
from base64 import b64decode, b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.delivery.peppol import mime, sbdh, signals
from services.delivery.peppol import names as n
from services.delivery.peppol.dsig import Identity, Reference, reference, token
from services.delivery.peppol.participant import PARTICIPANT_SCHEME
from services.delivery.peppol.soap import seal
from services.delivery.peppol.trust import fingerprint, name_of
from services.delivery.peppol.xml import canonical, escape, parse
from shared.einvoice.xml import MAX_BYTES

MOST_DOCUMENT = MAX_BYTES
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
    own_certificate: str = ""
    """SHA-256 of the certificate that signed it, in hex; empty in what older versions stored."""

    def is_for(self, endpoint: str, peer: x509.Certificate, own: Identity) -> bool:
        """Whether a message made for these would go to the same place and be sealed the same way."""
        same_own = self.own_certificate in ("", fingerprint(own.certificate))
        der = peer.public_bytes(serialization.Encoding.DER)
        return same_own and (self.endpoint, self.peer_certificate) == (endpoint, der)

    def to_bytes(self) -> bytes:
        """One line of JSON, then the HTTP body: this is what is stored."""
        head = {
            "endpoint": self.endpoint,
            "message_id": self.message_id,
            "instance_identifier": self.instance_identifier,
            "content_type": self.content_type,
            "peer_certificate": b64encode(self.peer_certificate).decode(),
            "own_certificate": self.own_certificate,
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
            own_certificate=head.get("own_certificate", ""),
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
    if compress:
        payload = gzip.compress(payload, compresslevel=6, mtime=0)
    else:
        payload = canonical(parse(payload, len(payload)))
    return seal_payload(
        identity, peer, endpoint, envelope, payload, message_id=message_id, compressed=compress
    )


def seal_payload(
    identity: Identity,
    peer: x509.Certificate,
    endpoint: str,
    envelope: sbdh.Envelope,
    payload: bytes,
    *,
    message_id: str | None = None,
    compressed: bool = True,
) -> Prepared:
    """Sign and encrypt a payload that is enveloped, and compressed, already."""
    key_id, message_id = str(uuid4()), message_id or signals.new_message_id()
    content_id = f"payload-{key_id}@facteur"
    session_key, nonce = AESGCM.generate_key(128), os.urandom(12)
    encrypted = nonce + AESGCM(session_key).encrypt(nonce, payload, None)
    sealed = seal(
        identity,
        key_id,
        _user_message(identity, peer, envelope, message_id, content_id, compressed=compressed),
        attachments=(reference(f"cid:{content_id}", payload, n.ATTACHMENT_SIGNED),),
        security=_encryption(peer, session_key, key_id, content_id, compressed=compressed),
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
        own_certificate=fingerprint(identity.certificate),
    )


def _user_message(
    identity: Identity,
    peer: x509.Certificate,
    envelope: sbdh.Envelope,
    message_id: str,
    content_id: str,
    *,
    compressed: bool,
) -> str:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    compression = (
        '<eb:Property name="CompressionType">application/gzip</eb:Property>' if compressed else ""
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
    peer: x509.Certificate, session_key: bytes, key_id: str, content_id: str, *, compressed: bool
) -> str:
    public = peer.public_key()
    if not isinstance(public, rsa.RSAPublicKey):
        raise sbdh.EnvelopeError(f"the certificate of {name_of(peer)} has no RSA key")
    media_type = "application/gzip" if compressed else "application/xml"
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
