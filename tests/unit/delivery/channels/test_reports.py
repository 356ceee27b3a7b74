"""Bounces, delays and what only looks like them (RFC 3464)."""

from uuid import UUID

import pytest

from services.delivery.channels.email_reports import read_reports

DELIVERY = UUID("0190b8a0-0000-7000-8000-000000000001")


def report(block: str, envelope: str = str(DELIVERY)) -> bytes:
    return f"""From: MAILER-DAEMON@mx.buyer.example
To: billing@seller.example
Subject: Undelivered Mail
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

This is the mail system.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.buyer.example
Original-Envelope-Id: {envelope}

{block}
--b
Content-Type: text/rfc822-headers

Message-ID: <{DELIVERY}@seller.example>
Subject: Facture
--b--
""".encode()


@pytest.mark.parametrize(
    ("action", "status", "fate", "hard"),
    [
        ("failed", "5.1.1", "failed", True),
        ("failed", "4.4.7", "failed", False),
        ("delayed", "4.4.1", "delayed", False),
        ("delivered", "2.0.0", "delivered", False),
        ("relayed", "2.0.0", "delivered", False),
    ],
)
def test_what_became_of_it(action: str, status: str, fate: str, hard: bool) -> None:
    block = (
        f"Final-Recipient: rfc822; a@buyer.example\nAction: {action}\nStatus: {status}\n"
        "Diagnostic-Code: smtp; 550 no such user"
    )
    [found] = read_reports(report(block))
    assert (found.envelope_id, found.recipient) == (str(DELIVERY), "a@buyer.example")
    assert (found.fate, found.hard) == (fate, hard)
    assert found.words == f"{status} 550 no such user"
    assert found.message_id == f"<{DELIVERY}@seller.example>"


def test_the_message_id_is_told_beside_another_envelope() -> None:
    block = "Final-Recipient: rfc822; a@buyer.example\nAction: failed\nStatus: 5.1.1"
    [found] = read_reports(report(block, envelope="QQ123"))
    assert found.envelope_id == "QQ123"
    assert found.message_id == f"<{DELIVERY}@seller.example>"


@pytest.mark.parametrize(
    "content",
    [
        b"Subject: Out of office\nAuto-Submitted: auto-replied\n\nI am away.\n",
        b"",
        b"\xff\xfe\x00garbage",
        b'Content-Type: multipart/report; boundary="b"\n\n--b\n\n--b--\n',
        b'Content-Type: multipart/report; boundary="b"\n\n--b\nContent-Type: message/delivery-status\n\n--b--',
    ],
)
def test_what_is_no_report(content: bytes) -> None:
    assert read_reports(content) == []
