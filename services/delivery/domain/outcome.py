"""What one attempt to deliver can end in, and what a channel is.

An attempt has exactly three ends, and the difference between them is the whole safety of the
service: *delivered* (the peer said so, in words that are kept as proof), *failed* (the peer
certainly doesn't have the document) and *unknown* (it may have it: settle, never blindly repeat).
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol
from uuid import UUID

ChannelName = Literal["email", "sftp", "ftps", "peppol"]


@dataclass(frozen=True)
class Delivered:
    """The peer accepted the document; `proof` is what shows it (SMTP 250 line, path and size, receipt id)."""

    words: str
    proof: Mapping[str, str]
    evidence: bytes = b""
    """The peer's own bytes, where it signs them (the AS4 receipt); kept for ever."""


@dataclass(frozen=True)
class Failed:
    """The peer doesn't have the document. `retryable` says whether a later attempt can do better."""

    words: str
    code: str
    retryable: bool = True
    prepare_again: bool = False
    """The stored bytes are for an endpoint or a key that is no longer: the next attempt makes others."""
    ours: bool = False
    """The trouble is on this side of the wire: it says nothing about the endpoint."""
    last: bool = False
    """No later attempt is made, whatever the schedule says."""


@dataclass(frozen=True)
class Unknown:
    """The connection was lost when the peer may already have had everything."""

    words: str
    needs_person: bool = False
    """True where nothing on the wire can settle it (SMTP without reports, a file that may have been fetched)."""


Outcome = Delivered | Failed | Unknown


@dataclass(frozen=True)
class Attachment:
    """One file of the delivery, as stored when the invoice was issued: never rendered anew."""

    name: str
    media_type: str
    content: bytes
    sha256: str


async def no_last_step() -> None:
    """Of a job that nobody keeps a record of."""


@dataclass(frozen=True)
class Job:
    """One delivery that is due: where to, what, and what an earlier attempt prepared."""

    delivery_id: UUID
    invoice_id: UUID
    company_id: UUID
    attempt: int
    number: str
    """BT-1 of the document."""
    document_kind: Literal["invoice", "credit_note"]
    seller_name: str
    buyer_name: str
    language: str
    """fr, nl or en: the language of what the buyer reads."""
    amount_due: str
    """BT-115 as a decimal string."""
    currency: str
    due_date: str
    route: Mapping[str, object]
    """The settings of the way chosen, as validated by the channel's own settings model."""
    secrets: Mapping[str, str]
    """Decrypted for this attempt only; never logged."""
    original: Attachment
    readable: Attachment | None
    prepared: bytes | None
    """What `prepare` made at the first attempt (the MIME message, the AS4 message): sent byte for byte again."""
    meta: Mapping[str, str] = field(default_factory=dict)
    last_step: Callable[[], Awaitable[None]] = no_last_step
    """Awaited before the step after which the peer may have the document: commits that it is taken.
    Raises `NotTaken`, and then the channel takes no further step."""
    envelope_id: str = ""
    """By what reports on an e-mail name it; of e-mail alone."""
    may_have: bool = True
    """To `settle`: whether the attempt got as far as its last step."""


class Channel(Protocol):
    """A way to reach a buyer. One instance a worker process; it owns its pooled connections."""

    name: ChannelName
    needs_readable: bool
    """True when the way cannot start before the PDF exists."""

    async def prepare(self, job: Job) -> bytes | None:
        """The exact bytes to send, made once and stored before the first byte leaves; None: the original itself.

        May raise `Refused` (domain/outcome.py) when the job can never be sent as it is.
        """

    async def send(self, job: Job) -> Outcome:
        """One attempt. Never raises for what the peer or the network does."""

    async def settle(self, job: Job) -> Outcome:
        """Find out what became of an attempt that ended in `Unknown` (or died while sending)."""

    async def close(self) -> None:
        """End the pooled connections."""


class Refused(Exception):
    """The job can't be prepared as it is: says which setting or field, and what to do.

    `retryable` when a later attempt can do better (a directory that doesn't answer at present).
    """

    def __init__(self, code: str, words: str, *, retryable: bool = False) -> None:
        super().__init__(words)
        self.code = code
        self.words = words
        self.retryable = retryable


class NotTaken(Exception):
    """The last step of an attempt isn't taken: its words say why. The peer doesn't have the document."""
