"""AS4 from a peer: bytes in, and either a document with its signed receipt or a signed error.

Nothing is stored here. The caller commits what was received together with the receipt's bytes,
then answers; it tells duplicates by `message_id` (same message again) and by the envelope's
`instance_identifier` (same document in another message).
"""

import asyncio
import hashlib
import zlib
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.delivery.peppol import mime, sbdh, signals, soap
from services.delivery.peppol import names as n
from services.delivery.peppol.dsig import Identity, Reference, Verified, same_digest
from services.delivery.peppol.errors import (
    AUTHENTICATION,
    DECOMPRESSION,
    DECRYPTION,
    DELIVERY,
    HEADER,
    INCONSISTENT,
    MIME,
    NOT_SERVICED,
    OTHER,
    POLICY,
    As4Refused,
)
from services.delivery.peppol.participant import ParticipantIdentifier
from services.delivery.peppol.trust import (
    Outdated,
    Trust,
    Untrusted,
    fingerprint,
    name_of,
    utc_now,
)
from services.delivery.peppol.user_message import UserMessage
from services.delivery.peppol.xml import Element, UnsafeXml, canonical, only, parse, text
from shared.einvoice.xml import MAX_BYTES

MOST_DOCUMENT: Final = MAX_BYTES
"""As everywhere: what is receipted can be read and judged."""
MOST_ENVELOPE: Final = 65_536
MOST_MESSAGE: Final = 24 * 1024 * 1024
"""More than a document needs, so that one that is too large is refused in words."""
OAEP: Final = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
SESSION_KEY_BYTES: Final = 16


@dataclass(frozen=True)
class Accepted:
    """A message whose every part is authentic; store it, then answer with `receipt`."""

    message_id: str
    conversation_id: str
    sent_by: str
    """The id of the access point that signed it."""
    certificate_sha256: str
    envelope: sbdh.Envelope
    document: bytes
    document_sha256: str
    receipt_id: str
    receipt: bytes
    content_type: str = soap.CONTENT_TYPE


@dataclass(frozen=True)
class Rejected:
    """A message that isn't taken; nothing of it is to be stored but these words."""

    code: str
    words: str
    message_id: str
    signal: bytes
    content_type: str = soap.CONTENT_TYPE


@dataclass(frozen=True)
class Receiver:
    """Our access point's receiving side."""

    identity: Identity
    trust: Trust
    serves: Callable[[ParticipantIdentifier], bool]
    """Whether a participant is one of ours."""
    most_document: int = MOST_DOCUMENT
    now: Callable[[], datetime] = field(default=utc_now)

    async def receive(self, headers: Mapping[str, str], body: bytes) -> Accepted | Rejected:
        """Check and open one HTTP message, in a thread. Never raises for what the peer sent."""
        return await asyncio.to_thread(self.open, headers, body)

    def open(self, headers: Mapping[str, str], body: bytes) -> Accepted | Rejected:
        """As `receive`, in this thread (3 ms for 10 kB)."""
        message_id = ""
        try:
            _check_size(body)
            soap_bytes, attachments = mime.split(headers, body)
            opened = soap.open_envelope(soap_bytes)
            message_id = opened.message_id[:255]
            return self._accept(opened, attachments)
        except (As4Refused, UnsafeXml) as error:
            refused = error if isinstance(error, As4Refused) else As4Refused(HEADER, str(error))
        return self.reject(refused.code, refused.words, message_id)

    def reject(self, code: str, words: str, message_id: str) -> Rejected:
        """A signed error for a message, `DELIVERY` for instance when our own storing failed."""
        signal = signals.error(self.identity, message_id, code, words, self.now())
        return Rejected(code, words, message_id, signal)

    def not_stored(self, message_id: str) -> Rejected:
        """What to answer when the message is fine and we couldn't keep it: the peer sends it again."""
        return self.reject(DELIVERY, "the access point can't store messages at present", message_id)

    def _accept(self, opened: soap.Opened, attachments: list[mime.Part]) -> Accepted:
        if opened.security is None:
            raise As4Refused(POLICY, "the message is not signed")
        verified = opened.authenticate()
        message = UserMessage.read(opened.messaging)
        self._check_parties(message, verified.certificate)
        part = _one_attachment(message, attachments, verified)
        plain, media_type = self._decrypt(opened.security, part)
        signed = _check_digest(verified, part, plain, media_type)
        most = self.most_document + MOST_ENVELOPE
        payload = _inflate(signed, most) if message.compressed else signed
        _check_document(payload, most)
        received = sbdh.unwrap(payload, most)
        _check_document(received.document, self.most_document)
        self._check_envelope(message, received.envelope)
        receipt_id, receipt = signals.receipt(
            self.identity, message.message_id, verified.references, self.now()
        )
        return Accepted(
            message_id=message.message_id,
            conversation_id=message.conversation_id,
            sent_by=message.sent_by,
            certificate_sha256=fingerprint(verified.certificate),
            envelope=received.envelope,
            document=received.document,
            document_sha256=hashlib.sha256(received.document).hexdigest(),
            receipt_id=receipt_id,
            receipt=receipt,
        )

    def _check_parties(self, message: UserMessage, signer: x509.Certificate) -> None:
        try:
            self.trust.check(signer)
        except Outdated as error:
            raise As4Refused(DELIVERY, f"send it again: {error}") from error
        except Untrusted as error:
            raise As4Refused(
                AUTHENTICATION, f"the signing certificate is refused: {error}"
            ) from error
        if name_of(signer) != message.sent_by:
            raise As4Refused(
                AUTHENTICATION, f"the signer is {name_of(signer)}, not {message.sent_by}"
            )
        if message.sent_to != self.identity.ap_id:
            raise As4Refused(
                INCONSISTENT, f"the message is for access point {message.sent_to}, not for us"
            )

    def _decrypt(self, security: Element, part: mime.Part) -> tuple[bytes, str]:
        """The attachment in clear, and the media type it is signed as."""
        try:
            key = only(security, f"{{{n.XENC}}}EncryptedKey")
            data = only(security, f"{{{n.XENC}}}EncryptedData")
            _check_algorithms(key, data)
            _check_target(key, data, part)
            wrapped = b64decode(
                text(only(key, f"{{{n.XENC}}}CipherData"), f"{{{n.XENC}}}CipherValue")
            )
        except UnsafeXml as error:
            raise As4Refused(POLICY, f"the encryption is not of the profile: {error}") from error
        except ValueError as error:
            raise As4Refused(DECRYPTION, "the message can't be decrypted") from error
        try:
            session_key = self.identity.key.decrypt(wrapped, OAEP)
            plain = AESGCM(_aes_128(session_key)).decrypt(
                part.content[:12], part.content[12:], None
            )
        except (ValueError, InvalidTag) as error:  # one answer for all: no oracle
            raise As4Refused(DECRYPTION, "the message can't be decrypted") from error
        return plain, data.get("MimeType", "")

    def _check_envelope(self, message: UserMessage, envelope: sbdh.Envelope) -> None:
        said = (str(envelope.sender), str(envelope.receiver))
        if said != (message.original_sender, message.final_recipient):
            raise As4Refused(
                OTHER, "SBDH: sender and receiver are not those of the message's properties"
            )
        if message.action != str(envelope.document_type):
            raise As4Refused(OTHER, "SBDH: the document type is not the message's Action")
        if message.service != (envelope.process.scheme, envelope.process.value):
            raise As4Refused(OTHER, "SBDH: the process is not the message's Service")
        if not self.serves(envelope.receiver):
            raise As4Refused(OTHER, NOT_SERVICED)


def _check_size(body: bytes) -> None:
    if len(body) > MOST_MESSAGE:
        raise As4Refused(MIME, f"the message is larger than {MOST_MESSAGE} bytes")


def _check_document(content: bytes, most: int) -> None:
    """ebMS has no error of its own for it: "Other" is what is left, and the detail says it."""
    if len(content) > most:
        raise As4Refused(OTHER, f"the document is larger than the {MOST_DOCUMENT} bytes taken here")


def _aes_128(key: bytes) -> bytes:
    if len(key) != SESSION_KEY_BYTES:
        raise ValueError("the session key is not one of AES-128")
    return key


def _one_attachment(
    message: UserMessage, attachments: list[mime.Part], verified: Verified
) -> mime.Part:
    """Peppol has exactly one payload; it is the one named, and the one signed."""
    if len(attachments) != 1 or f"cid:{attachments[0].content_id}" != message.href:
        raise As4Refused(MIME, "the message doesn't have exactly the one attachment it names")
    if [r.uri for r in verified.attachments] != [message.href]:
        raise As4Refused(AUTHENTICATION, "the signature doesn't cover the attachment")
    return attachments[0]


def _check_algorithms(key: Element, data: Element) -> None:
    method = only(key, f"{{{n.XENC}}}EncryptionMethod")
    digest = only(method, f"{{{n.DS}}}DigestMethod").get("Algorithm")
    mask = only(method, f"{{{n.XENC11}}}MGF").get("Algorithm")
    if (method.get("Algorithm"), digest, mask) != (n.RSA_OAEP, n.SHA256, n.MGF1_SHA256):
        raise UnsafeXml("the key is not encrypted by RSA-OAEP with SHA-256")
    if only(data, f"{{{n.XENC}}}EncryptionMethod").get("Algorithm") != n.AES128_GCM:
        raise UnsafeXml("the attachment is not encrypted by AES-128-GCM")


def _check_target(key: Element, data: Element, part: mime.Part) -> None:
    named = only(only(key, f"{{{n.XENC}}}ReferenceList"), f"{{{n.XENC}}}DataReference").get(
        "URI", ""
    )
    cipher = only(only(data, f"{{{n.XENC}}}CipherData"), f"{{{n.XENC}}}CipherReference").get(
        "URI", ""
    )
    if named != f"#{data.get('Id')}" or cipher != f"cid:{part.content_id}":
        raise UnsafeXml("what is encrypted is not the attachment")


def _check_digest(verified: Verified, part: mime.Part, plain: bytes, media_type: str) -> bytes:
    """The attachment as it was signed.

    WS-Security signs XML attachments in canonical form (SwA profile 1.1, 5.4.2), compressed ones
    as they are; where only the canonical form matches, that form is what goes on.
    """
    signed: Reference = verified.attachments[0]
    if same_digest(signed, plain):
        return plain
    if media_type.partition(";")[0].strip().lower() in ("application/xml", "text/xml"):
        form = canonical(parse(plain, MOST_MESSAGE))
        if same_digest(signed, form):
            return form
    raise As4Refused(
        AUTHENTICATION, f"the attachment {part.content_id[:80]} is not what was signed"
    )


def _inflate(data: bytes, limit: int) -> bytes:
    """Decompress at most `limit` bytes; a bomb is refused before it has grown beyond."""
    stream = zlib.decompressobj(wbits=31)
    try:
        plain = stream.decompress(data, limit + 1)
    except zlib.error as error:
        raise As4Refused(DECOMPRESSION, "the attachment is no gzip") from error
    if len(plain) > limit:
        raise As4Refused(DECOMPRESSION, f"the document is larger than {limit} bytes")
    if not stream.eof or stream.unused_data:
        raise As4Refused(
            DECOMPRESSION, "the attachment's gzip is cut short or has something after it"
        )
    return plain
