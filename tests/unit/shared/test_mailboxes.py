"""An address is the one that it looks like, for whoever reads it out of a header too."""

from email.message import EmailMessage
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from services.delivery.channels.email_settings import EmailAddress
from shared.mailboxes import Email

ENCODED = (
    "=?utf-8?q?a=40x.example=2Cb=40y.example=2C?=c@example.org",
    "=?utf-8?q?a=40x.example=0D=0ABcc=3Ab=40y.example?=c@example.org",
    "=?x@example.org",
)
PLAIN = ("odile.martin+factures@example.org", "o'hara@example.org", "a=b?c@example.org")


@pytest.mark.parametrize("kind", [Email, EmailAddress], ids=["person", "reception"])
def test_what_reads_as_another_address_is_none(kind: Any) -> None:
    adapter: TypeAdapter[str] = TypeAdapter(kind)
    for address in ENCODED:
        with pytest.raises(ValidationError):
            adapter.validate_python(address)
    for address in PLAIN:
        kept = adapter.validate_python(address)
        message = EmailMessage()
        message["To"] = kept
        assert kept == address
        assert [read.addr_spec for read in message["To"].addresses] == [address]
