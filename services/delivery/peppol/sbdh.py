"""The envelope around a business document (Peppol Business Message Envelope 2.0.1)."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lxml import etree

from services.delivery.peppol.errors import OTHER, As4Refused
from services.delivery.peppol.participant import (
    DOCUMENT_EXACT,
    DOCUMENT_WILDCARD,
    PARTICIPANT_SCHEME,
    PROCESS_SCHEME,
    DocumentTypeIdentifier,
    IdentifierError,
    ParticipantIdentifier,
    ProcessIdentifier,
)
from services.delivery.peppol.xml import (
    Element,
    UnsafeXml,
    escape,
    local,
    only,
    parse,
    require,
    text,
)

SBDH: Final = "http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader"
_COUNTRY = re.compile(r"[A-Z]{2}")
_DECLARATION = re.compile(rb"^(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*\?>)?\s*")


@dataclass(frozen=True)
class Envelope:
    """Who sends what to whom: the fields of the standard business document header."""

    sender: ParticipantIdentifier
    receiver: ParticipantIdentifier
    document_type: DocumentTypeIdentifier
    process: ProcessIdentifier
    country: str
    """C1's country, ISO 3166-1 alpha-2 in capitals."""
    instance_identifier: str
    created: datetime


@dataclass(frozen=True)
class Received:
    envelope: Envelope
    document: bytes
    """The business document alone, UTF-8 with a declaration."""


class EnvelopeError(ValueError):
    """The document can't be put in an envelope; the message names the field."""


def wrap(envelope: Envelope, document: bytes, limit: int) -> bytes:
    """The standard business document, the document's own bytes inside (`limit` bounds those).

    `EnvelopeError` when what phase4 and others refuse isn't met: a country in capitals, a
    document whose root is that of its type.
    """
    if not _COUNTRY.fullmatch(envelope.country):
        raise EnvelopeError(
            f"the seller's country (BT-40) {envelope.country!r} is no ISO 3166-1 code in capitals"
        )
    try:
        root = parse(document, limit)
    except UnsafeXml as error:
        raise EnvelopeError(f"the document can't be sent: {error}") from error
    name = etree.QName(root)
    kind = envelope.document_type
    if (name.namespace, name.localname) != (kind.namespace, kind.root):
        raise EnvelopeError(
            f"the document is a {name.text}, its type says {kind.namespace}::{kind.root}"
        )
    prefix = "" if None in root.nsmap else "sbd:"
    return (
        _header(envelope, prefix)
        + _embedded(root, document)
        + f"</{prefix}StandardBusinessDocument>".encode()
    )


def unwrap(data: bytes, limit: int) -> Received:
    """Read an envelope; `As4Refused` (EBMS:0004) says what is missing or repeated."""
    try:
        root = parse(data, limit)
        enveloped = root.tag == f"{{{SBDH}}}StandardBusinessDocument"
        require(enveloped, f"the payload is a {local(root.tag)}, not a StandardBusinessDocument")
        children = root.findall("*")
        require(
            len(children) == 2, "the StandardBusinessDocument isn't one header and one document"
        )
        header, document = only(root, f"{{{SBDH}}}StandardBusinessDocumentHeader"), children[1]
        envelope = _read(header)
        _check_document(envelope.document_type, header, document)
    except (UnsafeXml, IdentifierError) as error:
        raise As4Refused(OTHER, f"SBDH: {error}") from error
    content = etree.tostring(document, xml_declaration=True, encoding="UTF-8", with_tail=False)
    return Received(envelope, content)


def _header(envelope: Envelope, prefix: str) -> bytes:
    kind, process = envelope.document_type, envelope.process
    namespace = f'xmlns{":" + prefix[:-1] if prefix else ""}="{SBDH}"'
    scopes = "".join(
        _scope(*scope)
        for scope in (
            ("DOCUMENTID", kind.value, kind.scheme),
            ("PROCESSID", process.value, process.scheme),
            ("COUNTRY_C1", envelope.country, ""),
        )
    )
    created = envelope.created.isoformat(timespec="milliseconds")
    xml = (
        f"<StandardBusinessDocument {namespace}><StandardBusinessDocumentHeader>"
        f"<HeaderVersion>1.0</HeaderVersion>"
        f"<Sender>{_identifier(envelope.sender)}</Sender><Receiver>{_identifier(envelope.receiver)}</Receiver>"
        f"<DocumentIdentification><Standard>{escape(kind.namespace)}</Standard>"
        f"<TypeVersion>{escape(kind.version)}</TypeVersion>"
        f"<InstanceIdentifier>{escape(envelope.instance_identifier)}</InstanceIdentifier>"
        f"<Type>{escape(kind.root)}</Type><CreationDateAndTime>{created}</CreationDateAndTime>"
        f"</DocumentIdentification><BusinessScope>{scopes}</BusinessScope></StandardBusinessDocumentHeader>"
    )
    if prefix:
        xml = re.sub(r"<(/?)(?=[A-Z])", rf"<\1{prefix}", xml)
    return xml.encode()


def _identifier(participant: ParticipantIdentifier) -> str:
    return f'<Identifier Authority="{PARTICIPANT_SCHEME}">{escape(str(participant))}</Identifier>'


def _scope(kind: str, value: str, scheme: str) -> str:
    identifier = f"<Identifier>{escape(scheme)}</Identifier>" if scheme else ""
    return (
        f"<Scope><Type>{kind}</Type><InstanceIdentifier>{escape(value)}</InstanceIdentifier>"
        f"{identifier}</Scope>"
    )


def _embedded(root: Element, document: bytes) -> bytes:
    """The document without its declaration: its own bytes when they are UTF-8, else re-encoded."""
    encoding = (root.getroottree().docinfo.encoding or "UTF-8").upper()
    if encoding in ("UTF-8", "UTF8", "ASCII", "US-ASCII"):
        return _DECLARATION.sub(b"", document, count=1)
    return etree.tostring(root, encoding="UTF-8", with_tail=False)


def _read(header: Element) -> Envelope:
    document = _child(header, "DocumentIdentification")
    scopes: dict[str, Element] = {}
    for scope in _child(header, "BusinessScope").findall(f"{{{SBDH}}}Scope"):
        kind = _text(scope, "Type")
        if kind in scopes:
            raise UnsafeXml(f"the scope {kind[:40]} occurs twice")
        scopes[kind] = scope
    if missing := {"DOCUMENTID", "PROCESSID", "COUNTRY_C1"} - set(scopes):
        raise UnsafeXml(f"the scope {', '.join(sorted(missing))} is missing")
    kind_scope, process_scope = scopes["DOCUMENTID"], scopes["PROCESSID"]
    scheme = _scheme(kind_scope, DOCUMENT_EXACT)
    if scheme not in (DOCUMENT_EXACT, DOCUMENT_WILDCARD):
        raise UnsafeXml(f"the document type scheme {scheme[:60]} is unknown")
    return Envelope(
        sender=_participant(header, "Sender"),
        receiver=_participant(header, "Receiver"),
        document_type=DocumentTypeIdentifier(_text(kind_scope, "InstanceIdentifier"), scheme),
        process=ProcessIdentifier(
            _text(process_scope, "InstanceIdentifier"), _scheme(process_scope, PROCESS_SCHEME)
        ),
        country=_text(scopes["COUNTRY_C1"], "InstanceIdentifier"),
        instance_identifier=_bounded(_text(document, "InstanceIdentifier")),
        created=_moment(_text(document, "CreationDateAndTime")),
    )


def _check_document(kind: DocumentTypeIdentifier, header: Element, document: Element) -> None:
    name = etree.QName(document)
    if (name.namespace, name.localname) != (kind.namespace, kind.root):
        raise UnsafeXml(
            f"the document is a {local(document.tag)[:60]}, not the {kind.root[:60]} announced"
        )
    standard = _text(_child(header, "DocumentIdentification"), "Standard")
    if standard != name.namespace:
        raise UnsafeXml("Standard is not the document's namespace")


def _participant(header: Element, role: str) -> ParticipantIdentifier:
    identifier = _child(_child(header, role), "Identifier")
    if identifier.get("Authority") != PARTICIPANT_SCHEME:
        raise UnsafeXml(f"{role} is not identified by {PARTICIPANT_SCHEME}")
    return ParticipantIdentifier.read(_text(_child(header, role), "Identifier"))


def _scheme(scope: Element, default: str) -> str:
    return (
        _text(scope, "Identifier") if scope.find(f"{{{SBDH}}}Identifier") is not None else default
    )


def _bounded(value: str) -> str:
    require(len(value) <= 200, "InstanceIdentifier has more than 200 characters")
    return value


def _moment(value: str) -> datetime:
    try:
        return datetime.fromisoformat(value)
    except ValueError as error:
        raise UnsafeXml(f"CreationDateAndTime {value[:40]!r} is no date and time") from error


def _child(parent: Element, name: str) -> Element:
    return only(parent, f"{{{SBDH}}}{name}")


def _text(parent: Element, name: str) -> str:
    return text(parent, f"{{{SBDH}}}{name}")
