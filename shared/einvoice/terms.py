"""Kinds of values that business terms are made of."""

from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer

_ALLOWED_CONTROLS = frozenset("\t\n\r")


def _printable(value: str) -> str:
    for character in value:
        code = ord(character)
        if (code < 0x20 and character not in _ALLOWED_CONTROLS) or code in (0xFFFE, 0xFFFF):
            raise ValueError(
                f"character U+{code:04X} cannot be written in an XML document: remove it"
            )
        if 0xD800 <= code <= 0xDFFF:
            raise ValueError(
                "half of a surrogate pair cannot be written in an XML document: remove it"
            )
    return value


def _plain(value: Decimal) -> str:
    return format(value, "f")


Text = Annotated[str, Field(min_length=1, max_length=100_000), AfterValidator(_printable)]
Code = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_printable)]
Country = Annotated[str, Field(pattern=r"^[A-Z0-9]{2}$", description="ISO 3166-1 alpha-2")]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="ISO 4217 alpha-3")]
Number = Annotated[
    Decimal,
    Field(allow_inf_nan=False, max_digits=24, decimal_places=12),
    PlainSerializer(_plain, return_type=str, when_used="json"),
]
"""A quantity, a unit price or a percentage; a string in JSON, never in exponent form."""
Money = Number
"""An amount in the document's currency; a string in JSON. At most two decimals (BR-DEC-…): the rules say so."""


class Term(BaseModel):
    """A group of business terms: immutable, and without anything the standard doesn't know."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_bytes="base64")


class Identifier(Term):
    """An identifier and the scheme it belongs to (ISO 6523 ICD for parties)."""

    value: Code
    scheme: Code | None = None


class ElectronicAddress(Term):
    """Where a party receives documents: BT-34 or BT-49; on Peppol the participant identifier."""

    value: Code
    scheme: Code = Field(
        description="BT-34-1, BT-49-1: a code of the EAS list, such as 0225 or 0208"
    )


class Period(Term):
    """From and until when, both days included: BG-14, BG-26."""

    start: date | None = Field(None, description="BT-73, BT-134")
    end: date | None = Field(None, description="BT-74, BT-135")
