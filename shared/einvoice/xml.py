"""The one way in which XML from outside is parsed: no DTD, no entities, no network, bounded size."""

from lxml import etree

MAX_BYTES = 10 * 1024 * 1024
"""Largest document that is taken, in bytes."""


class XmlRefused(ValueError):
    """The document was refused before anything in it was read."""


class TooLarge(XmlRefused):
    """The document is larger than what is taken."""


class NotWellFormed(XmlRefused):
    """The document is not well-formed XML."""


class DoctypeForbidden(XmlRefused):
    """The document declares a DTD, and with it maybe entities: invoices never need one."""


def parse(xml: bytes, limit: int = MAX_BYTES) -> etree._ElementTree:
    """The tree of a document of at most `limit` bytes.

    Raises TooLarge, NotWellFormed or DoctypeForbidden, all of them XmlRefused, with what to do.
    """
    if len(xml) > limit:
        raise TooLarge(f"the document has {len(xml)} bytes; at most {limit} are taken")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
    )
    try:
        root = etree.fromstring(xml, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        if b"<!DOCTYPE" in xml:
            raise DoctypeForbidden(
                "the document has a DOCTYPE: remove it, with its entities"
            ) from error
        raise NotWellFormed(f"the document is not well-formed XML: {error}") from error
    tree = root.getroottree()
    if tree.docinfo.internalDTD is not None:
        raise DoctypeForbidden("the document has a DOCTYPE: remove it, with its entities")
    return tree
