"""What a received AS4 message says of itself: parties, service, properties and its one payload."""

from dataclasses import dataclass
from typing import Final

from services.delivery.peppol import names as n
from services.delivery.peppol.errors import FEATURE, INCONSISTENT, As4Refused
from services.delivery.peppol.xml import Element, only, text

GZIP: Final = "application/gzip"


@dataclass(frozen=True)
class UserMessage:
    """The fields of an eb:UserMessage that count, each read once and only where it occurs once."""

    message_id: str
    conversation_id: str
    sent_by: str
    sent_to: str
    service: tuple[str, str]
    action: str
    original_sender: str
    final_recipient: str
    href: str
    compressed: bool

    @classmethod
    def read(cls, messaging: Element) -> "UserMessage":
        message = _eb(messaging, "UserMessage")
        collaboration = _eb(message, "CollaborationInfo")
        service = _eb(collaboration, "Service")
        part = _eb(_eb(message, "PayloadInfo"), "PartInfo")
        properties = _properties(_eb(message, "MessageProperties"))
        part_properties = _properties(_eb(part, "PartProperties"))
        compression = part_properties.get("CompressionType", "")
        if compression not in ("", GZIP):
            raise As4Refused(FEATURE, f"the compression {compression[:60]} is not supported")
        found = cls(
            message_id=_eb_text(_eb(message, "MessageInfo"), "MessageId"),
            conversation_id=_eb_text(collaboration, "ConversationId"),
            sent_by=_party(message, "From"),
            sent_to=_party(message, "To"),
            service=(service.get("type", ""), _eb_text(collaboration, "Service")),
            action=_eb_text(collaboration, "Action"),
            original_sender=properties.get("originalSender", ""),
            final_recipient=properties.get("finalRecipient", ""),
            href=part.get("href", ""),
            compressed=bool(compression),
        )
        if len(found.message_id) > 255:
            raise As4Refused(INCONSISTENT, "the MessageId has more than 255 characters")
        return found


def _eb(parent: Element, name: str) -> Element:
    return only(parent, f"{{{n.EB}}}{name}")


def _eb_text(parent: Element, name: str) -> str:
    return text(parent, f"{{{n.EB}}}{name}")


def _party(message: Element, role: str) -> str:
    party = _eb(_eb(message, "PartyInfo"), role)
    if _eb(party, "PartyId").get("type") != n.AP_PARTY_TYPE:
        raise As4Refused(INCONSISTENT, f"PartyInfo/{role}/PartyId is not of type {n.AP_PARTY_TYPE}")
    return _eb_text(party, "PartyId")


def _properties(parent: Element) -> dict[str, str]:
    found: dict[str, str] = {}
    for element in parent.findall(f"{{{n.EB}}}Property"):
        name = element.get("name", "")
        if name in found or len(element):
            raise As4Refused(INCONSISTENT, f"the property {name[:60]} occurs twice or is no text")
        found[name] = (element.text or "").strip()
    return found
