"""Signals: the receipts and errors that we make, and those that we read."""

from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from lxml import etree

from services.delivery.peppol import names as n
from services.delivery.peppol.dsig import Identity, Reference
from services.delivery.peppol.errors import As4Refused, known
from services.delivery.peppol.soap import Opened, open_envelope, seal
from services.delivery.peppol.xml import Element, UnsafeXml, escape, local, only, require, text


def new_message_id() -> str:
    return f"{uuid4()}@facteur"


def receipt(
    identity: Identity, ref_to: str, references: tuple[Reference, ...], now: datetime
) -> tuple[str, bytes]:
    """A signed non-repudiation receipt for the message `ref_to`: its id and its bytes."""
    message_id = new_message_id()
    parts = "".join(
        f"<ebbp:MessagePartNRInformation>{r.xml()}</ebbp:MessagePartNRInformation>"
        for r in references
    )
    return message_id, _signal(
        identity,
        message_id,
        ref_to,
        now,
        f'<eb:Receipt><ebbp:NonRepudiationInformation xmlns:ebbp="{n.EBBP}">{parts}'
        f"</ebbp:NonRepudiationInformation></eb:Receipt>",
    )


def error(identity: Identity, ref_to: str, code: str, detail: str, now: datetime) -> bytes:
    """A signed error signal; `detail` is for the sender's eyes and says what to correct."""
    meaning = known(code)
    in_error = f' refToMessageInError="{escape(ref_to)}"' if ref_to else ""
    return _signal(
        identity,
        new_message_id(),
        ref_to,
        now,
        f'<eb:Error category="{meaning.category}"{in_error} errorCode="{code}" severity="failure"'
        f' shortDescription="{meaning.short}">'
        f'<eb:Description xml:lang="en">{escape(meaning.meaning)}</eb:Description>'
        f"<eb:ErrorDetail>{escape(_printable(detail))}</eb:ErrorDetail></eb:Error>",
    )


def _signal(identity: Identity, message_id: str, ref_to: str, now: datetime, content: str) -> bytes:
    refers = f"<eb:RefToMessageId>{escape(ref_to)}</eb:RefToMessageId>" if ref_to else ""
    return seal(
        identity,
        str(uuid4()),
        f"<eb:SignalMessage><eb:MessageInfo><eb:Timestamp>{now.isoformat(timespec='milliseconds')}"
        f"</eb:Timestamp><eb:MessageId>{message_id}</eb:MessageId>{refers}</eb:MessageInfo>"
        f"{content}</eb:SignalMessage>",
    ).envelope


def _printable(words: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in words)[:1000]


@dataclass(frozen=True)
class SignalError:
    """One `eb:Error`, in the peer's own words."""

    code: str
    severity: str
    short: str
    detail: str

    @property
    def words(self) -> str:
        said = " ".join(part for part in (self.short, self.detail) if part)
        return f"{self.code} {said} ({known(self.code).meaning})"

    @property
    def says_duplicate(self) -> bool:
        said = f"{self.short} {self.detail}".lower()
        return self.code == "EBMS:0004" and "duplicate" in said


@dataclass(frozen=True)
class Signal:
    """What a signal message says; whether it is true is for the signature to show."""

    message_id: str
    timestamp: str
    ref_to: str
    errors: tuple[SignalError, ...]
    acknowledged: tuple[Reference, ...]
    has_receipt: bool


def read(opened: Opened) -> Signal:
    """The signal of an envelope; `As4Refused` when it is none."""
    try:
        signal = only(opened.messaging, f"{{{n.EB}}}SignalMessage")
        info = only(signal, f"{{{n.EB}}}MessageInfo")
        refers = info.find(f"{{{n.EB}}}RefToMessageId")
        receipts = signal.findall(f"{{{n.EB}}}Receipt")
        require(len(receipts) < 2, "the signal holds more than one receipt")
        return Signal(
            message_id=text(info, f"{{{n.EB}}}MessageId"),
            timestamp=text(info, f"{{{n.EB}}}Timestamp"),
            ref_to="" if refers is None else text(info, f"{{{n.EB}}}RefToMessageId"),
            errors=tuple(_error(e) for e in signal.findall(f"{{{n.EB}}}Error")),
            acknowledged=_acknowledged(receipts[0]) if receipts else (),
            has_receipt=bool(receipts),
        )
    except UnsafeXml as unsafe:
        raise As4Refused("EBMS:0009", f"the answer is no readable signal: {unsafe}") from unsafe


def acknowledges(receipt_signal: bytes) -> frozenset[Reference]:
    """What a receipt of ours refers to."""
    return frozenset(read(open_envelope(receipt_signal)).acknowledged)


def _error(element: Element) -> SignalError:
    said = [
        _content(c)
        for name in ("Description", "ErrorDetail")
        for c in element.findall(f"{{{n.EB}}}{name}")
    ]
    return SignalError(
        code=element.get("errorCode", "?")[:20],
        severity=element.get("severity", "failure")[:20],
        short=element.get("shortDescription", "")[:200],
        detail=" · ".join(s for s in said if s)[:1000],
    )


def _content(element: Element) -> str:
    return " ".join(str(etree.tostring(element, method="text", encoding="unicode")).split())


def _acknowledged(receipt_element: Element) -> tuple[Reference, ...]:
    information = only(receipt_element, f"{{{n.EBBP}}}NonRepudiationInformation")
    found = []
    for element in information.iter(f"{{{n.DS}}}Reference"):
        parent = element.getparent()
        place = "" if parent is None else local(parent.tag)
        require(
            place == "MessagePartNRInformation", "a reference of the receipt is out of its place"
        )
        found.append(
            Reference(
                element.get("URI", ""),
                "".join(text(element, f"{{{n.DS}}}DigestValue").split()),
                only(element, f"{{{n.DS}}}DigestMethod").get("Algorithm", ""),
            )
        )
    return tuple(found)
