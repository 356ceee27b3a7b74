"""Peppol identifiers: participants, document types, processes (Peppol Policy for use of identifiers 4.x)."""

import re
from base64 import b32encode
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from stdnum.be import vat as be_vat
from stdnum.fr import siren as fr_siren
from stdnum.fr import siret as fr_siret

PARTICIPANT_SCHEME: Final = "iso6523-actorid-upis"
DOCUMENT_EXACT: Final = "busdox-docid-qns"
DOCUMENT_WILDCARD: Final = "peppol-doctype-wildcard"
PROCESS_SCHEME: Final = "cenbii-procid-ubl"

_VALUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~:+\-]{0,49}")
_FRENCH_ADDRESS = re.compile(r"(\d{9})(_[A-Za-z0-9_+\-/]{1,115})?")
_AP_ID = re.compile(r"P[A-Z]{2}[0-9]{6}")


class IdentifierError(ValueError):
    """The identifier breaks a rule of its scheme; the message says which."""


def _gln(value: str) -> bool:
    if not re.fullmatch(r"\d{13}", value):
        return False
    weighted = sum(int(d) * (3 if i % 2 else 1) for i, d in enumerate(value[:12]))
    return (10 - weighted % 10) % 10 == int(value[12])


def _french_address(value: str) -> bool:
    match = _FRENCH_ADDRESS.fullmatch(value)
    return match is not None and fr_siren.is_valid(match.group(1))


def _belgian_vat(value: str) -> bool:
    return value[:2].upper() == "BE" and be_vat.is_valid(value)


SCHEMES: Final[dict[str, tuple[str, Callable[[str], bool]]]] = {
    "0002": ("SIREN, nine digits", fr_siren.is_valid),
    "0009": ("SIRET, fourteen digits", fr_siret.is_valid),
    "0088": ("GLN, thirteen digits", _gln),
    "0208": (
        "Belgian enterprise number, ten digits",
        lambda v: v.isdecimal() and v.isascii() and be_vat.is_valid(v),
    ),
    "0225": ("French electronic address: SIREN, then an optional suffix", _french_address),
    "9925": ("Belgian VAT number, BE and ten digits", _belgian_vat),
}
"""ISO 6523 codes whose values are checked; other codes of four digits are taken as they are."""


@dataclass(frozen=True)
class ParticipantIdentifier:
    """A participant: an ISO 6523 code and a value, `0208:0123456749` for short."""

    scheme: str
    value: str

    @classmethod
    def parse(cls, text: str) -> "ParticipantIdentifier":
        """Read `code:value`; `IdentifierError` says what is wrong and what is expected."""
        code, colon, value = text.strip().partition(":")
        if not colon or not re.fullmatch(r"\d{4}", code):
            raise IdentifierError(
                f"{text!r} is no Peppol participant: write code:value, such as 0208:0123456749"
            )
        known = SCHEMES.get(code)
        if known and not known[1](value):
            raise IdentifierError(f"{value!r} is no valid value of scheme {code} ({known[0]})")
        if not known and not _VALUE.fullmatch(value):
            raise IdentifierError(f"{value!r} has characters or a length that Peppol doesn't allow")
        return cls(code, value)

    @classmethod
    def read(cls, text: str) -> "ParticipantIdentifier":
        """An identifier found on the wire: its form is required, check digits are not."""
        code, colon, value = text.strip().partition(":")
        if not colon or not re.fullmatch(r"\d{4}", code) or not 0 < len(value) <= 135:
            raise IdentifierError(f"{text[:80]!r} is no Peppol participant identifier")
        return cls(code, value)

    def __str__(self) -> str:
        return f"{self.scheme}:{self.value}"

    @property
    def qualified(self) -> str:
        return f"{PARTICIPANT_SCHEME}::{self}"

    def same_as(self, other: "ParticipantIdentifier") -> bool:
        """Values compare without case (Policy 4.x, POLICY 5)."""
        return str(self).lower() == str(other).lower()

    def dns_name(self, zone: str) -> str:
        """The name whose NAPTR record leads to the SMP (Peppol SML, since 2025)."""
        digest = sha256(str(self).lower().encode()).digest()
        label = b32encode(digest).decode().rstrip("=")
        return f"{label}.{PARTICIPANT_SCHEME}.{zone.strip('.')}."


@dataclass(frozen=True)
class DocumentTypeIdentifier:
    """`busdox-docid-qns::urn:…::Invoice##urn:cen.eu:…::2.1`: root element, customization, version."""

    value: str
    scheme: str = DOCUMENT_EXACT

    @classmethod
    def of(
        cls, namespace: str, root: str, customization: str, version: str = "2.1"
    ) -> "DocumentTypeIdentifier":
        return cls(f"{namespace}::{root}##{customization}::{version}")

    def __str__(self) -> str:
        return f"{self.scheme}::{self.value}"

    @classmethod
    def parse(cls, text: str) -> "DocumentTypeIdentifier":
        """Read `scheme::value`."""
        scheme, colons, value = text.partition("::")
        if not colons or scheme not in (DOCUMENT_EXACT, DOCUMENT_WILDCARD) or "##" not in value:
            raise IdentifierError(f"{text[:120]!r} is no Peppol document type identifier")
        return cls(value, scheme)

    @property
    def namespace(self) -> str:
        return self.value.split("::", 1)[0]

    @property
    def root(self) -> str:
        return self.value.split("##", 1)[0].rsplit("::", 1)[-1]

    @property
    def customization(self) -> str:
        return self.value.split("##", 1)[-1].rsplit("::", 1)[0]

    @property
    def version(self) -> str:
        return self.value.rsplit("::", 1)[-1]

    def matched_by(self, registered: "DocumentTypeIdentifier") -> bool:
        """Whether a type registered at an SMP takes this document; `…@*` stands for what follows."""
        if registered.scheme != DOCUMENT_WILDCARD:
            return registered.value == self.value
        pattern = registered.customization
        frame = (registered.namespace, registered.root, registered.version)
        if frame != (self.namespace, self.root, self.version):
            return False
        if not pattern.endswith("*"):
            return pattern == self.customization
        return self.customization.startswith(pattern[:-1])


@dataclass(frozen=True)
class ProcessIdentifier:
    value: str
    scheme: str = PROCESS_SCHEME

    def __str__(self) -> str:
        return f"{self.scheme}::{self.value}"


def require_ap_id(text: str) -> str:
    """An access point's id as its certificate's CN carries it: `PBE000123`."""
    if not _AP_ID.fullmatch(text):
        raise IdentifierError(f"{text!r} is no access point id: P, a country, six digits")
    return text


UBL_INVOICE: Final = "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
UBL_CREDIT_NOTE: Final = "urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2"
BIS_BILLING: Final = "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0"
BIS_INVOICE: Final = DocumentTypeIdentifier.of(UBL_INVOICE, "Invoice", BIS_BILLING)
BIS_CREDIT_NOTE: Final = DocumentTypeIdentifier.of(UBL_CREDIT_NOTE, "CreditNote", BIS_BILLING)
BIS_PROCESS: Final = ProcessIdentifier("urn:fdc:peppol.eu:2017:poacc:billing:01:1.0")
