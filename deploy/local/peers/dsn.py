"""Delivery status notifications as a mail server sees them (RFC 3461 parameters, RFC 3464 reports)."""

import re
from collections.abc import Sequence
from email.message import EmailMessage, Message
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.mime.text import MIMEText
from email.utils import formatdate, make_msgid


def split_parameters(arg: str | None, names: Sequence[str]) -> tuple[str | None, dict[str, str]]:
    """Take the named ESMTP parameters out of a MAIL or RCPT argument; keeps their case."""
    if arg is None:
        return None, {}
    path, bracket, tail = arg.rpartition(">")
    if not bracket:
        return arg, {}
    found: dict[str, str] = {}
    kept: list[str] = []
    for word in tail.split():
        name, _, value = word.partition("=")
        if name.upper() in names:
            found[name.upper()] = value
        else:
            kept.append(word)
    return " ".join([path + bracket, *kept]), found


def xtext(value: str) -> str:
    """Decode RFC 3461's xtext (`+3D` for `=`)."""
    return re.sub(r"\+([0-9A-F]{2})", lambda hexed: chr(int(hexed.group(1), 16)), value)


def success(
    hostname: str, sender: str, recipients: Sequence[str], envelope_id: str, original: bytes
) -> bytes:
    """A report that the message reached its mailboxes, with the original's headers (RET=HDRS)."""
    report = MIMEMultipart("report", report_type="delivery-status")
    report["From"] = f"Mail Delivery System <postmaster@{hostname}>"
    report["To"] = sender
    report["Subject"] = "Successful Mail Delivery Report"
    report["Date"] = formatdate()
    report["Message-ID"] = make_msgid(domain=hostname)
    report["Auto-Submitted"] = "auto-replied"
    report.attach(MIMEText("Your message was delivered to:\n" + "\n".join(recipients) + "\n"))
    status = MIMEBase("message", "delivery-status")
    per_message = Message()
    per_message["Reporting-MTA"] = f"dns; {hostname}"
    if envelope_id:
        per_message["Original-Envelope-Id"] = envelope_id
    status.set_payload([per_message, *(_recipient(address) for address in recipients)])
    report.attach(status)
    headers = MIMENonMultipart("text", "rfc822-headers")
    headers.set_payload(original.partition(b"\r\n\r\n")[0].decode("ascii", "replace"))
    report.attach(headers)
    return report.as_bytes()


def _recipient(address: str) -> Message:
    block = EmailMessage()
    block["Final-Recipient"] = f"rfc822; {address}"
    block["Action"] = "delivered"
    block["Status"] = "2.0.0"
    return block
