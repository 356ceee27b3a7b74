"""Reports on the fate of an e-mail (RFC 3464), as they come back to the sender's mailbox."""

import email
import re
from dataclasses import dataclass
from email.message import Message
from email.policy import compat32
from typing import Literal

Fate = Literal["delivered", "failed", "delayed"]


@dataclass(frozen=True)
class Report:
    """What a server says became of one recipient's copy."""

    envelope_id: str
    """That was sent along; empty when the server dropped it."""
    message_id: str
    """Of the original, where its headers were returned; else empty."""
    recipient: str
    fate: Fate
    hard: bool
    """A failure that no later attempt cures (status 5.x.x)."""
    words: str
    """The status and the server's own line."""


def read_reports(content: bytes) -> list[Report]:
    """The reports in a message; none when it is no delivery status notification.

    Out-of-office replies and the like are no reports. Never raises for what a message holds.
    """
    message = email.message_from_bytes(content, policy=compat32)
    if message.get_content_type() != "multipart/report":
        return []
    parts = [
        part for part in message.walk() if part.get_content_type() == "message/delivery-status"
    ]
    if not parts or not isinstance(blocks := parts[0].get_payload(), list):
        return []
    about = [block for block in blocks if isinstance(block, Message)]
    if not about:
        return []
    envelope_id = str(about[0].get("Original-Envelope-Id", "")).strip()
    original = _original_message_id(message)
    return [
        report
        for block in about[1:]
        if (report := _report(block, envelope_id, original)) is not None
    ]


def _report(block: Message, envelope_id: str, original: str) -> Report | None:
    action = str(block.get("Action", "")).strip().lower()
    status = str(block.get("Status", "")).strip()
    fate: Fate
    if action in ("delivered", "relayed", "expanded"):
        fate = "delivered"
    elif action == "failed":
        fate = "failed"
    elif action == "delayed":
        fate = "delayed"
    else:
        return None
    diagnostic = str(block.get("Diagnostic-Code", "")).partition(";")[2].strip()
    return Report(
        envelope_id=envelope_id,
        message_id=original,
        recipient=str(block.get("Final-Recipient", "")).partition(";")[2].strip(),
        fate=fate,
        hard=fate == "failed" and status.startswith("5"),
        words=" ".join(f"{status} {diagnostic or action}".split()),
    )


def _original_message_id(message: Message) -> str:
    for part in message.walk():
        kind = part.get_content_type()
        payload = part.get_payload()
        if kind == "text/rfc822-headers" and isinstance(payload, str):
            found = re.search(r"^message-id:\s*(<[^>]+>)", payload, re.IGNORECASE | re.MULTILINE)
            return found.group(1) if found else ""
        if kind == "message/rfc822" and isinstance(payload, list):
            inner = next((part for part in payload if isinstance(part, Message)), None)
            return str(inner.get("Message-ID", "")) if inner is not None else ""
    return ""
