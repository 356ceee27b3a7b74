"""Events and their envelope: CloudEvents 1.0 in Kafka's binary mode.

The record's value is the event as JSON; everything about it rides in headers (`ce_*`,
`content-type`, `traceparent`), the record's key is the id of the aggregate.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal, Self, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.digits import whole

MAX_DOCUMENT_BYTES = 10 * 1024 * 1024
"""A document (UBL or PDF) may not be larger; refused with 413 before a number is taken."""
MAX_EVENT_BYTES = 30 * 1024 * 1024
"""Base64 of a document of MAX_DOCUMENT_BYTES, its model beside it, and room."""

ActorKind = Literal["user", "api_key", "system", "peer"]


class Actor(BaseModel):
    """Who asked: a person, a key, a peer on the network, or the system by itself."""

    model_config = ConfigDict(frozen=True)

    kind: ActorKind
    id: str
    """A user's or key's id; for `system` the service, for `peer` the access point's id."""

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str()` wrote; ValueError when it isn't an actor."""
        kind, _, identifier = text.partition(":")
        return cls.model_validate({"kind": kind, "id": identifier})


class Event(BaseModel):
    """A fact, in the past tense. Subclasses are a publisher's contract (shared/contracts)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    topic: ClassVar[str]
    key_field: ClassVar[str]
    """Name of the field that holds the aggregate's id: the record's key."""
    version: ClassVar[int] = 1
    publisher: ClassVar[str]
    public: ClassVar[bool] = True
    """Partners may read it; False for what holds secrets or personal data beyond need."""
    state: ClassVar[bool] = False
    """Full state of its aggregate, on a compacted topic; else a fact, kept."""

    @property
    def key(self) -> UUID:
        """The id of the aggregate this event is about."""
        value: UUID = getattr(self, self.key_field)
        return value


E = TypeVar("E", bound=Event)


@dataclass(frozen=True)
class Envelope:
    """What rides beside an event; `aggregate_version` orders events of one aggregate across topics."""

    event_id: UUID
    topic: str
    version: int
    key: str
    time: datetime
    source: str
    aggregate_version: int
    actor: Actor
    cause: UUID | None
    company_id: UUID | None
    traceparent: str | None
    origin: str = ""
    """The network that a person's request came from (shared.origin); empty for what no person asked."""

    @property
    def trace_id(self) -> str:
        """32 hex digits of the W3C traceparent, or an empty string."""
        return (self.traceparent or "")[3:35]

    def headers(self) -> dict[str, str]:
        """The record's headers, CloudEvents Kafka protocol binding §3.2; all are UTF-8 text."""
        values = {
            "ce_specversion": "1.0",
            "ce_id": str(self.event_id),
            "ce_type": self.topic,
            "ce_source": self.source,
            "ce_subject": self.key,
            "ce_time": self.time.isoformat(),
            "ce_dataschema": f"urn:facteur:schema:{self.topic}:{self.version}",
            "ce_aggregateversion": str(self.aggregate_version),
            "ce_actor": str(self.actor),
            "ce_causationid": str(self.cause) if self.cause else "",
            "ce_companyid": str(self.company_id) if self.company_id else "",
            "content-type": "application/json",
            "traceparent": self.traceparent or "",
            "ce_origin": self.origin,
        }
        return {name: value for name, value in values.items() if value}


class Undecodable(Exception):
    """A record that can never be read as it is; `reason` goes into the dead letter."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def read_envelope(topic: str, key: bytes | None, headers: Iterable[tuple[str, bytes]]) -> Envelope:
    """The envelope of a record; Undecodable names the header that is missing or wrong."""
    found = _texts(headers)
    schema = _required(found, "ce_dataschema")
    prefix = f"urn:facteur:schema:{topic}:"
    version = whole(schema.removeprefix(prefix))
    if not schema.startswith(prefix) or version is None:
        raise Undecodable(f"header ce_dataschema {schema!r} isn't a schema of topic {topic}")
    try:
        return Envelope(
            event_id=UUID(_required(found, "ce_id")),
            topic=topic,
            version=version,
            key=(key or b"").decode(),
            time=datetime.fromisoformat(_required(found, "ce_time")),
            source=_required(found, "ce_source"),
            aggregate_version=int(_required(found, "ce_aggregateversion")),
            actor=Actor.parse(_required(found, "ce_actor")),
            cause=UUID(cause) if (cause := found.get("ce_causationid")) else None,
            company_id=UUID(company) if (company := found.get("ce_companyid")) else None,
            traceparent=found.get("traceparent"),
            origin=found.get("ce_origin", ""),
        )
    except ValueError as error:
        raise Undecodable(f"a header can't be read: {str(error).splitlines()[0]}") from error


def read_event(kind: type[E], envelope: Envelope, value: bytes | None) -> E:
    """The event in a record's value, checked against its contract; Undecodable says what is wrong."""
    if envelope.version != kind.version:
        raise Undecodable(f"version {envelope.version} of {kind.topic} isn't known here")
    if value is None:
        raise Undecodable("the record has no value")
    if len(value) > MAX_EVENT_BYTES:
        raise Undecodable(f"{len(value)} bytes are more than {MAX_EVENT_BYTES}")
    try:
        event = kind.model_validate_json(value, extra="ignore")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "value"
        raise Undecodable(f"{where}: {first['msg']}") from error
    if str(event.key) != envelope.key:
        raise Undecodable(f"the record's key isn't the event's {kind.key_field}")
    return event


def _texts(headers: Iterable[tuple[str, bytes]]) -> Mapping[str, str]:
    found = {}
    for name, value in headers:
        try:
            found[name] = value.decode()
        except UnicodeDecodeError as error:
            raise Undecodable(f"header {name[:40]!r} isn't UTF-8") from error
    return found


def _required(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    if not value:
        raise Undecodable(f"header {name} is missing")
    return str(value)
