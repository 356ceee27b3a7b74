"""The SOAP envelope of AS4: put together, and opened only when there is one way to read it."""

from dataclasses import dataclass

from services.delivery.peppol import names as n
from services.delivery.peppol.dsig import (
    Identity,
    Reference,
    Verified,
    reference,
    sign,
    token,
    verify,
)
from services.delivery.peppol.errors import AUTHENTICATION, HEADER, As4Refused
from services.delivery.peppol.xml import Element, UnsafeXml, canonical, only, parse, require

MOST_ENVELOPE = 1024 * 1024
CONTENT_TYPE = "application/soap+xml; charset=UTF-8"


@dataclass(frozen=True)
class Opened:
    """An envelope whose structure is sound; nothing in it is authentic before `authenticate`."""

    envelope: Element
    security: Element | None
    messaging: Element

    @property
    def message_id(self) -> str:
        """The id to answer to, for error signals; empty when there is none."""
        return next(
            (str(e.text or "").strip() for e in self.messaging.iter(f"{{{n.EB}}}MessageId")), ""
        )

    def authenticate(self) -> Verified:
        """Verify the signature, and that it covers this very `eb:Messaging` and the body."""
        if self.security is None:
            raise As4Refused(AUTHENTICATION, "the message is not signed")
        verified = verify(self.envelope, self.security)
        signed = list(verified.elements.values())
        body = self.envelope.find(f"{{{n.S12}}}Body")
        if not any(e is self.messaging for e in signed):
            raise As4Refused(AUTHENTICATION, "the signature doesn't cover eb:Messaging")
        if not any(e is body for e in signed):
            raise As4Refused(AUTHENTICATION, "the signature doesn't cover the SOAP body")
        return verified


def open_envelope(soap: bytes) -> Opened:
    """Read an envelope; `As4Refused` (EBMS:0009) unless each part occurs once and in its place."""
    try:
        envelope = parse(soap, MOST_ENVELOPE)
        two_parts = envelope.tag == f"{{{n.S12}}}Envelope" and len(envelope.findall("*")) == 2
        require(two_parts, "the message is no SOAP 1.2 envelope of a header and a body")
        header, body = (only(envelope, f"{{{n.S12}}}{part}") for part in ("Header", "Body"))
        messaging = only(header, f"{{{n.EB}}}Messaging")
        require(
            sum(1 for _ in envelope.iter(f"{{{n.EB}}}Messaging")) == 1,
            "there is more than one eb:Messaging",
        )
        units = [
            e
            for name in ("UserMessage", "SignalMessage")
            for e in envelope.iter(f"{{{n.EB}}}{name}")
        ]
        single = len(units) == 1 and units[0].getparent() is messaging
        require(
            single and len(messaging.findall("*")) == 1,
            "eb:Messaging doesn't hold exactly one message",
        )
        require(not len(body), "the SOAP body is not empty")
        securities = header.findall(f"{{{n.WSSE}}}Security")
        require(len(securities) < 2, "there is more than one wsse:Security")
    except UnsafeXml as error:
        raise As4Refused(HEADER, str(error)) from error
    return Opened(envelope, securities[0] if securities else None, messaging)


@dataclass(frozen=True)
class Sealed:
    """A signed envelope and what it signs."""

    envelope: bytes
    references: tuple[Reference, ...]


def seal(
    identity: Identity,
    key_id: str,
    messaging: str,
    *,
    attachments: tuple[Reference, ...] = (),
    security: str = "",
) -> Sealed:
    """An envelope around `messaging` (an eb:UserMessage or eb:SignalMessage), signed.

    `security` goes before the signature: the encrypted key and data of a user message.
    """
    messaging_xml = _canonical(
        f'<eb:Messaging xmlns:eb="{n.EB}" xmlns:S12="{n.S12}" xmlns:wsu="{n.WSU}"'
        f' S12:mustUnderstand="true" wsu:Id="MSG-{key_id}">{messaging}</eb:Messaging>'
    )
    body_xml = _canonical(
        f'<S12:Body xmlns:S12="{n.S12}" xmlns:wsu="{n.WSU}" wsu:Id="BODY-{key_id}"/>'
    )
    references = (
        reference(f"#MSG-{key_id}", messaging_xml),
        reference(f"#BODY-{key_id}", body_xml),
        *attachments,
    )
    token_id = f"X509-{key_id}"
    signature = sign(identity, token_id, list(references))
    head = (
        f'<S12:Envelope xmlns:S12="{n.S12}"><S12:Header><wsse:Security xmlns:wsse="{n.WSSE}"'
        f' xmlns:wsu="{n.WSU}" S12:mustUnderstand="true">{security}'
        f"{token(identity.certificate, token_id)}{signature}</wsse:Security>"
    )
    envelope = b"".join(
        (head.encode(), messaging_xml, b"</S12:Header>", body_xml, b"</S12:Envelope>")
    )
    return Sealed(envelope, references)


def _canonical(xml: str) -> bytes:
    return canonical(parse(xml.encode(), MOST_ENVELOPE))
