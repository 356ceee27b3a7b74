"""Messages as attackers make them: taken apart, changed and put together again."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from lxml import etree

from services.delivery.peppol import mime
from services.delivery.peppol import names as n
from services.delivery.peppol.as4_message import Prepared
from services.delivery.peppol.dsig import Identity
from services.delivery.peppol.xml import Element

Change = Callable[[Element], None]


@dataclass(frozen=True)
class Impostor(Identity):
    """Signs with its own key, and says to be another access point."""

    says: str = ""

    @property
    def ap_id(self) -> str:
        return self.says


def soap_of(message: Prepared) -> tuple[bytes, mime.Part]:
    soap, [attachment] = mime.split({"content-type": message.content_type}, message.body)
    return soap, attachment


def with_soap(message: Prepared, soap: bytes, attachment: bytes | None = None) -> Prepared:
    _, part = soap_of(message)
    content_type, body = mime.build("=_forged", soap, part.content_id, attachment or part.content)
    return replace(message, content_type=content_type, body=body)


def changed(message: Prepared, change: Change) -> Prepared:
    """The message with its SOAP envelope changed after it was signed."""
    soap, _ = soap_of(message)
    return with_soap(message, changed_soap(soap, change))


def changed_soap(soap: bytes, change: Change) -> bytes:
    envelope = etree.fromstring(soap)
    change(envelope)
    return etree.tostring(envelope)


def header(envelope: Element) -> Element:
    found = envelope.find(f"{{{n.S12}}}Header")
    assert found is not None
    return found


def messaging(envelope: Element) -> Element:
    found = header(envelope).find(f"{{{n.EB}}}Messaging")
    assert found is not None
    return found


def forged_copy(envelope: Element, old: str, new: str, identifier: str = "forged") -> Element:
    """A copy of eb:Messaging with other content, under another id."""
    copy = etree.fromstring(
        etree.tostring(messaging(envelope), with_tail=False).replace(old.encode(), new.encode())
    )
    copy.set(f"{{{n.WSU}}}Id", identifier)
    return copy


def wrap_in_header(old: str, new: str) -> Change:
    """The proved hole: the signed block is moved aside, a forged one takes its place."""

    def change(envelope: Element) -> None:
        forged, signed = forged_copy(envelope, old, new), messaging(envelope)
        header(envelope).replace(signed, forged)
        etree.SubElement(header(envelope), "{urn:x}Wrapper").append(signed)

    return change


def wrap_in_security(old: str, new: str) -> Change:
    def change(envelope: Element) -> None:
        forged, signed = forged_copy(envelope, old, new), messaging(envelope)
        header(envelope).replace(signed, forged)
        security = header(envelope).find(f"{{{n.WSSE}}}Security")
        assert security is not None
        security.append(signed)

    return change


def wrap_in_body(old: str, new: str) -> Change:
    def change(envelope: Element) -> None:
        forged, signed = forged_copy(envelope, old, new), messaging(envelope)
        header(envelope).replace(signed, forged)
        envelope[-1].append(signed)

    return change


def wrap_in_another_header(old: str, new: str) -> Change:
    def change(envelope: Element) -> None:
        forged, signed = forged_copy(envelope, old, new), messaging(envelope)
        other = etree.fromstring(etree.tostring(header(envelope)))
        copy = other.find(f"{{{n.EB}}}Messaging")
        assert copy is not None
        assert signed is not None
        other.replace(copy, forged)
        envelope.insert(0, other)

    return change


def wrap_with_same_id(old: str, new: str) -> Change:
    def change(envelope: Element) -> None:
        signed = messaging(envelope)
        forged = forged_copy(envelope, old, new, signed.get(f"{{{n.WSU}}}Id", ""))
        header(envelope).insert(0, forged)

    return change


def second_unit(envelope: Element) -> None:
    block = messaging(envelope)
    block.append(etree.fromstring(etree.tostring(block[0])))


WRAPPINGS = [
    wrap_in_header,
    wrap_in_security,
    wrap_in_body,
    wrap_in_another_header,
    wrap_with_same_id,
]


def http_headers(message: Prepared) -> dict[str, str]:
    return {"Content-Type": message.content_type}
