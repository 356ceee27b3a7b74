"""XML from strangers: bounded, without document type, entities or network; and its canonical form."""

import re
from typing import Final

from lxml import etree

Element = etree._Element  # noqa: SLF001 - lxml has no other name for the type

_DOCTYPES: Final = tuple("<!DOCTYPE".encode(e) for e in ("ascii", "utf-16-le", "utf-16-be"))
_ENCODING = re.compile(
    rb"""^(?:\xef\xbb\xbf)?\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._\-]+)"""
)
_ENCODINGS: Final = frozenset(
    {
        b"utf-8",
        b"utf8",
        b"utf-16",
        b"us-ascii",
        b"ascii",
        b"iso-8859-1",
        b"iso-8859-15",
        b"windows-1252",
    }
)


class UnsafeXml(ValueError):
    """The XML is malformed, too large, or uses what is refused (DTD, entities, odd encodings)."""


def parse(data: bytes, limit: int) -> Element:
    """The root element of at most `limit` bytes of XML; `UnsafeXml` otherwise.

    The document type is refused before libxml2 sees it, so that no entity can exist; only then is
    its limit of 10 MB a text node lifted, which an invoice with attachments reaches.
    """
    if len(data) > limit:
        raise UnsafeXml(f"the XML has {len(data)} bytes, more than the {limit} allowed")
    declared = _ENCODING.match(data[:200])
    if declared and declared.group(1).lower() not in _ENCODINGS:
        raise UnsafeXml(f"the XML declares the encoding {declared.group(1).decode()}")
    if data[:2] in (b"\x4c\x6f", b"\x00\x00", b"+A") or any(d in data for d in _DOCTYPES):
        raise UnsafeXml("the XML has a document type declaration, which is refused")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=len(data) > 9_000_000
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise UnsafeXml(f"the XML is not well-formed: {str(error)[:200]}") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise UnsafeXml("the XML has a document type declaration, which is refused")
    return root


def canonical(element: Element, inclusive_prefixes: list[str] | None = None) -> bytes:
    """Exclusive canonical XML 1.0 without comments; `UnsafeXml` where there is no such form."""
    try:
        return etree.tostring(
            element,
            method="c14n",
            exclusive=True,
            with_comments=False,
            inclusive_ns_prefixes=inclusive_prefixes or [],
        )
    except etree.LxmlError as error:
        raise UnsafeXml("the XML has no canonical form") from error


def require(holds: object, otherwise: str) -> None:
    """Raise `UnsafeXml(otherwise)` unless it holds."""
    if not holds:
        raise UnsafeXml(otherwise)


def only(parent: Element, tag: str) -> Element:
    """The one child of that name; `UnsafeXml` when there is none or a second."""
    found = parent.findall(tag)
    if len(found) != 1:
        raise UnsafeXml(f"{len(found)} {local(tag)} in {local(parent.tag)}, where one is required")
    return found[0]


def text(parent: Element, tag: str) -> str:
    """The trimmed text of the one child of that name: never empty, nothing else in it.

    A comment inside would cut the text short while the signature, made without comments, holds.
    """
    child = only(parent, tag)
    content = (child.text or "").strip()
    if not content or len(child):
        raise UnsafeXml(f"{local(tag)} in {local(parent.tag)} is empty or holds more than text")
    return content


def local(tag: object) -> str:
    return str(tag).rpartition("}")[2]


def escape(value: str) -> str:
    """A value for use in XML text or in an attribute between double quotes."""
    return (
        value.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace('"', "&quot;")
        .replace("\r", "&#13;")
        .replace("\n", "&#10;")
        .replace("\t", "&#9;")
    )
