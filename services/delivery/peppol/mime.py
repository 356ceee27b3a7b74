"""multipart/related, as AS4 uses it: one SOAP part and its attachments, bytes untouched."""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass, field

from services.delivery.peppol.errors import MIME, As4Refused

MOST_PARTS = 4
MOST_HEADERS = 8192
_MEDIA_TYPE = re.compile(r"\s*([!#$&^_.+\-\w]+/[!#$&^_.+\-\w]+)\s*", re.ASCII)
_PARAMETER = re.compile(r""";\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))\s*""")


@dataclass(frozen=True)
class Part:
    content_type: str
    content_id: str
    content: bytes


def build(boundary: str, soap: bytes, content_id: str, attachment: bytes) -> tuple[str, bytes]:
    """Content type and body of a message with one attachment."""
    edge = boundary.encode()
    body = b"".join(
        (
            b"--", edge, b"\r\nContent-Type: application/soap+xml; charset=UTF-8\r\n",
            b"Content-Transfer-Encoding: binary\r\n\r\n", soap,
            b"\r\n--", edge, b"\r\nContent-Type: application/octet-stream\r\n",
            b"Content-Transfer-Encoding: binary\r\nContent-ID: <", content_id.encode(), b">\r\n\r\n",
            attachment, b"\r\n--", edge, b"--\r\n",
        )
    )  # fmt: skip
    return f'multipart/related; type="application/soap+xml"; boundary="{boundary}"', body


@dataclass(frozen=True)
class ContentType:
    """A media type in lower case, and its parameters by lower-case name."""

    media_type: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, value: str) -> "ContentType":
        """What the header's value says (RFC 9110, 8.3.1); empty where it is anything else.

        Not by `email`: it also knows parameters in numbered pieces (RFC 2231), which HTTP doesn't
        have, and fails on those that contradict themselves.
        """
        named = _MEDIA_TYPE.match(value)
        if named is None:
            return cls()
        parameters: dict[str, str] = {}
        end = named.end()
        while found := _PARAMETER.match(value, end):
            name, quoted, bare = found.groups()
            if name.lower() in parameters:
                return cls()
            said = bare if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            parameters[name.lower()] = said
            end = found.end()
        if value[end:].strip("; \t"):
            return cls()
        return cls(named.group(1).lower(), parameters)


def content_type(headers: Mapping[str, str]) -> ContentType:
    """The parsed Content-Type of HTTP headers, whose names have any case."""
    value = next((v for k, v in headers.items() if k.lower() == "content-type"), "")
    return ContentType.read(value)


def split(headers: Mapping[str, str], body: bytes) -> tuple[bytes, list[Part]]:
    """The SOAP part and the attachments of an HTTP message; `As4Refused` (EBMS:0007) otherwise."""
    outer = content_type(headers)
    if outer.media_type == "application/soap+xml":
        return body, []
    boundary = outer.parameters.get("boundary", "").rstrip()
    if outer.media_type != "multipart/related" or not boundary:
        raise As4Refused(
            MIME, "the content type is neither multipart/related nor application/soap+xml"
        )
    edge = b"\r\n--" + boundary.encode("ascii", "replace")
    pieces = (b"\r\n" + body).split(edge, MOST_PARTS + 2)
    if len(pieces) - 2 > MOST_PARTS:
        raise As4Refused(MIME, f"the message has more than {MOST_PARTS} parts")
    if len(pieces) < 3 or not pieces[-1].startswith(b"--"):
        raise As4Refused(MIME, "the multipart body is incomplete")
    parts = [_part(piece) for piece in pieces[1:-1]]
    soap = parts[0]
    if soap.content_type != "application/soap+xml":
        raise As4Refused(MIME, "the first part is not application/soap+xml")
    return soap.content, parts[1:]


def _part(piece: bytes) -> Part:
    line_end, _, rest = piece.partition(b"\r\n")
    head, blank, content = rest.partition(b"\r\n\r\n")
    if line_end.strip() or not blank or len(head) > MOST_HEADERS:
        raise As4Refused(MIME, "a part of the message has no readable headers")
    headers = _headers(head)
    encoding = headers.get("content-transfer-encoding", "binary").lower()
    if encoding == "base64":
        try:
            content = b64decode(content)
        except (ValueError, Base64Error) as error:
            raise As4Refused(MIME, "a part is not the base64 it says it is") from error
    elif encoding not in ("binary", "8bit", "7bit"):
        raise As4Refused(MIME, f"a part has the unsupported encoding {encoding[:40]}")
    content_id = headers.get("content-id", "").removeprefix("<").removesuffix(">")
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    return Part(media_type, content_id, content)


def _headers(head: bytes) -> dict[str, str]:
    """Header fields by lower-case name, folded lines joined; a field that repeats is refused."""
    fields: dict[str, str] = {}
    for line in re.sub(r"\r\n[ \t]+", " ", head.decode("latin-1")).split("\r\n"):
        name, colon, value = line.partition(":")
        name = name.strip().lower()
        if not colon or name in fields:
            raise As4Refused(MIME, "a part of the message has unreadable or repeated headers")
        fields[name] = value.strip()
    return fields
