"""Make a Factur-X document of a PDF/A-3 that carries factur-x.xml: say so in its XMP metadata.

The new metadata is appended as an incremental update (ISO 32000-1, 7.5.6), so that nothing of the
PDF is parsed or written anew.
"""

import re

FILE_NAME = "factur-x.xml"
_NAMESPACE = "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"
_PROPERTIES = {
    "DocumentFileName": "name of the embedded XML invoice file",
    "DocumentType": "INVOICE",
    "Version": "version of the Factur-X XML schema",
    "ConformanceLevel": "conformance level of the embedded Factur-X data",
}
_STARTXREF = re.compile(rb"startxref\s+(\d+)\s+%%EOF\s*$")
_TRAILER = re.compile(rb"trailer\s*<<(.*)>>\s*startxref", re.DOTALL)
_METADATA = re.compile(rb"/Metadata (\d+) 0 R")
_SCHEMAS_END = "</rdf:Bag></pdfaExtension:schemas>"


class NotFacturX(RuntimeError):
    """The PDF is not built as expected, so it can't be made a Factur-X document."""


def declared(pdf: bytes, level: str = "EN 16931") -> bytes:
    """The PDF with metadata that declare Factur-X 1.0; NotFacturX if it isn't built as typst builds it."""
    start, trailer = _STARTXREF.search(pdf), _TRAILER.search(pdf, pdf.rfind(b"trailer"))
    reference = _METADATA.search(pdf, pdf.rfind(b"/Type/Catalog"))
    if start is None or trailer is None or reference is None:
        raise NotFacturX("the PDF has no classic cross-reference table or no metadata")
    number = int(reference.group(1))
    metadata = _with_factur_x(_stream(pdf, number), level)
    body = b"%d 0 obj\n<</Length %d/Type/Metadata/Subtype/XML>>\nstream\n%s\nendstream\nendobj\n" % (
        number, len(metadata), metadata,
    )  # fmt: skip
    pdf = pdf if pdf.endswith(b"\n") else pdf + b"\n"
    table = b"xref\n0 1\n0000000000 65535 f \n%d 1\n%010d 00000 n \n" % (number, len(pdf))
    ending = b"trailer\n<<%s/Prev %s>>\nstartxref\n%d\n%%%%EOF\n" % (
        trailer.group(1), start.group(1), len(pdf) + len(body),
    )  # fmt: skip
    return pdf + body + table + ending


def _stream(pdf: bytes, number: int) -> str:
    start = pdf.find(b"\n%d 0 obj" % number)
    begin = pdf.find(b"stream\n", start)
    end = pdf.find(b"\nendstream", begin)
    if min(start, begin, end) < 0:
        raise NotFacturX("the PDF's metadata cannot be found")
    return pdf[begin + len(b"stream\n") : end].decode()


def _with_factur_x(metadata: str, level: str) -> bytes:
    if _SCHEMAS_END not in metadata or "</rdf:RDF>" not in metadata:
        raise NotFacturX("the PDF's metadata have no extension schemas, as PDF/A wants them")
    values = (FILE_NAME, "INVOICE", "1.0", level)
    facts = "".join(f"<fx:{n}>{v}</fx:{n}>" for n, v in zip(_PROPERTIES, values, strict=True))
    description = f'<rdf:Description rdf:about="" xmlns:fx="{_NAMESPACE}">{facts}</rdf:Description>'
    metadata = metadata.replace(_SCHEMAS_END, _schema() + _SCHEMAS_END, 1)
    return metadata.replace("</rdf:RDF>", f"{description}</rdf:RDF>", 1).encode()


def _schema() -> str:
    properties = "".join(
        '<rdf:li rdf:parseType="Resource">'
        f"<pdfaProperty:name>{name}</pdfaProperty:name><pdfaProperty:valueType>Text</pdfaProperty:valueType>"
        "<pdfaProperty:category>external</pdfaProperty:category>"
        f"<pdfaProperty:description>{text}</pdfaProperty:description></rdf:li>"
        for name, text in _PROPERTIES.items()
    )
    return (
        '<rdf:li rdf:parseType="Resource">'
        "<pdfaSchema:schema>Factur-X PDFA Extension Schema</pdfaSchema:schema>"
        f"<pdfaSchema:namespaceURI>{_NAMESPACE}</pdfaSchema:namespaceURI>"
        "<pdfaSchema:prefix>fx</pdfaSchema:prefix>"
        f"<pdfaSchema:property><rdf:Seq>{properties}</rdf:Seq></pdfaSchema:property></rdf:li>"
    )
