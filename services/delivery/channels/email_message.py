"""The e-mail's bytes: made once, stored, and sent byte for byte at every attempt."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime

from services.delivery.channels.email_texts import one_line, reading
from services.delivery.domain.outcome import Attachment, Job, Refused

_SIGNED_HEADERS = (
    b"from", b"reply-to", b"to", b"cc", b"subject", b"date", b"message-id",
    b"mime-version", b"content-type",
)  # fmt: skip


class _OneLine(EmailPolicy):
    """The Message-ID is never folded: not every server finds one that begins on the second line."""

    def fold_binary(self, name: str, value: str) -> bytes:
        if name.lower() == "message-id":
            return f"{name}: {value}{self.linesep}".encode("ascii")
        return super().fold_binary(name, value)


_POLICY = _OneLine(linesep=SMTP.linesep)


@dataclass(frozen=True)
class Dkim:
    """The key that signs in the sending domain's name (RFC 6376)."""

    domain: str
    selector: str
    key: bytes
    """PEM, RSA."""


@dataclass(frozen=True)
class Heading:
    """The header's addresses; blind copies are none of its business."""

    sender: str
    to: tuple[str, ...]
    cc: tuple[str, ...] = ()
    reply_to: str | None = None
    language: str = "en"


def message_id(job: Job, sender: str) -> str:
    """Stable for a delivery, so that a mailbox shows one message however often it is sent."""
    return f"<{job.envelope_id}@{sender.rpartition('@')[2]}>"


def build(job: Job, heading: Heading, dkim: Dkim | None = None) -> bytes:
    """The whole message with CRLF line ends and no line over 78 bytes but the Message-ID's;
    Refused for unusable names.

    Bodies are quoted-printable or base64, so that no server needs to rewrap a line and break the
    signature.
    """
    words = reading(job, heading.language)
    message = EmailMessage(policy=_POLICY)
    try:
        message["From"] = Address(one_line(job.seller_name), addr_spec=heading.sender)
        if heading.reply_to:
            message["Reply-To"] = heading.reply_to
        message["To"] = ", ".join(heading.to)
        if heading.cc:
            message["Cc"] = ", ".join(heading.cc)
        message["Subject"] = words.subject
    except ValueError as error:
        raise Refused("email.header", f"an address or a name is unusable: {error}") from error
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = message_id(job, heading.sender)
    message["Content-Language"] = heading.language
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(words.text, cte="quoted-printable")
    message.add_alternative(words.html, subtype="html", cte="quoted-printable")
    for attachment in (job.readable, job.original):
        if attachment is not None:
            _attach(message, attachment)
    content = message.as_bytes()
    return content if dkim is None else _signed(content, dkim)


def _attach(message: EmailMessage, attachment: Attachment) -> None:
    kind, _, subtype = attachment.media_type.partition(";")[0].partition("/")
    message.add_attachment(
        attachment.content,
        maintype=kind,
        subtype=subtype or "octet-stream",
        filename=one_line(attachment.name),
    )


def _signed(content: bytes, dkim: Dkim) -> bytes:
    from dkim import sign

    header: bytes = sign(
        content,
        dkim.selector.encode(),
        dkim.domain.encode(),
        dkim.key,
        include_headers=list(_SIGNED_HEADERS),
    )
    return header + content
