"""Set the number of a UBL document and leave every other byte as it was."""

import codecs
from dataclasses import dataclass, field
from datetime import date
from xml.parsers import expat
from xml.sax.saxutils import escape

from lxml import etree

from shared.einvoice.syntax.names import CBC, SIGNATURES, XMLDSIG, SignedDocument, UblError
from shared.einvoice.syntax.reading import text
from shared.einvoice.syntax.ubl_read import ubl_root
from shared.einvoice.xml import MAX_BYTES, parse


def set_number(
    xml: bytes, number: str, issue_date: date | None = None, limit: int = MAX_BYTES
) -> bytes:
    """The same document under another BT-1, and BT-2 if given.

    Extensions, comments, prefixes, encoding and white space stay byte for byte. The document must have
    a cbc:ID (and cbc:IssueDate), be it empty: whatever it holds is a placeholder.
    Raises UblError, SignedDocument and `xml.XmlRefused`.
    """
    tree = parse(xml, limit)
    root = ubl_root(tree)
    if is_signed(root):
        raise SignedDocument(
            "the document is signed, and a number would break the signature: send it unsigned"
        )
    encoding = _encoding(xml, tree)
    places = _places(xml)
    edits = [_edit(places, "ID", number)]
    if issue_date is not None:
        edits.append(_edit(places, "IssueDate", issue_date.isoformat()))
    for place, value in sorted(edits, key=lambda edit: -edit[0].start):
        xml = place.filled(xml, escape(value), encoding)
    _check(xml, number, limit)
    return xml


def _check(xml: bytes, number: str, limit: int) -> None:
    """The bytes were edited blindly: read them again before they become a legal document."""
    found = text(ubl_root(parse(xml, limit)), "ID")
    if found != number.strip():
        raise UblError(
            f"the number {number!r} cannot be written in this document (read again: {found!r})"
        )


def is_signed(root: etree._Element) -> bool:
    """Whether a signature (ds:Signature, sig:UBLDocumentSignatures) is anywhere in the document."""
    names = (f"{{{XMLDSIG}}}Signature", f"{{{SIGNATURES}}}UBLDocumentSignatures")
    return next(root.iter(*names), None) is not None


@dataclass
class _Place:
    """Where an element starts, and where its content does and ends, in bytes."""

    name: str
    start: int
    content: int | None = None
    end: int | None = None

    def filled(self, xml: bytes, value: str, encoding: str) -> bytes:
        if self.content is None or self.end is None:
            raise UblError(f"cbc:{self.name} of the document cannot be found")
        tag = xml[self.start : self.content].decode(encoding)
        if not tag.endswith("/>"):
            return (
                xml[: self.content] + value.encode(encoding, "xmlcharrefreplace") + xml[self.end :]
            )
        opening = tag[:-2].rstrip()
        name = opening[1:].split()[0]
        return (
            xml[: self.start]
            + f"{opening}>{value}</{name}>".encode(encoding, "xmlcharrefreplace")
            + xml[self.end :]
        )


@dataclass
class _Scan:
    """One pass over the bytes that notes where the root's own cbc elements stand."""

    parser: expat.XMLParserType
    depth: int = 0
    places: dict[str, _Place] = field(default_factory=dict)
    opened: _Place | None = None
    inside: _Place | None = None

    def start(self, name: str, _attributes: object) -> None:
        self.event()
        self.depth += 1
        namespace, _, local = name.rpartition("|")
        if self.depth == 2 and namespace == CBC and local not in self.places:
            self.opened = self.inside = self.places[local] = _Place(
                local, self.parser.CurrentByteIndex
            )

    def end(self, _name: str) -> None:
        self.event()
        if self.depth == 2 and self.inside is not None:
            self.inside.end = self.parser.CurrentByteIndex
            self.inside = None
        self.depth -= 1

    def event(self, *_anything: object) -> None:
        """Whatever comes first after a start tag shows where the tag ended."""
        if self.opened is not None:
            self.opened.content = self.parser.CurrentByteIndex
            self.opened = None


def _places(xml: bytes) -> dict[str, _Place]:
    parser = expat.ParserCreate(namespace_separator="|")
    scan = _Scan(parser)
    parser.StartElementHandler = scan.start
    parser.EndElementHandler = scan.end
    parser.DefaultHandler = scan.event
    parser.CharacterDataHandler = scan.event
    parser.CommentHandler = scan.event
    parser.ProcessingInstructionHandler = scan.event
    parser.StartCdataSectionHandler = scan.event
    try:
        parser.Parse(xml, True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise UblError(
            f"the document's encoding is not understood ({error}): send UTF-8"
        ) from error
    return scan.places


def _edit(places: dict[str, _Place], name: str, value: str) -> tuple[_Place, str]:
    if name not in places:
        term = "BT-1" if name == "ID" else "BT-2"
        raise UblError(f"the document has no cbc:{name} ({term}) to set: add one with any value")
    return places[name], value


def _encoding(xml: bytes, tree: etree._ElementTree) -> str:
    if xml.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le"
    if xml.startswith(codecs.BOM_UTF16_BE):
        return "utf-16-be"
    return tree.docinfo.encoding or "utf-8"
