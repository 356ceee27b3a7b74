"""E-mail addresses that are what they look like."""

from typing import Annotated

from pydantic import AfterValidator, EmailStr


def plain(address: str) -> str:
    """The address; ValueError where it holds an encoded word (RFC 2047). RFC 5321 lets `=?…?=` stand
    before the @, but whoever reads it out of a header finds what is encoded there: other addresses,
    line ends, headers of its own."""
    if "=?" in address:
        raise ValueError("is not a valid email address here: it holds =?, which begins other text")
    return address


Email = Annotated[EmailStr, AfterValidator(plain)]
