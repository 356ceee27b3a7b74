"""Invoices as billing announces them."""

import base64
import hashlib
import random
from datetime import UTC, datetime
from functools import cache
from itertools import count
from uuid import UUID, uuid4

from shared.contracts.billing import Document, InvoiceIssued, InvoiceRendered
from shared.einvoice.model import Invoice
from shared.einvoice.syntax import ubl
from tests.unit.einvoice.samples import belgian, issued

_numbers = count(1)
PDF = b"%PDF-1.7\n" + bytes(range(256)) * 60


@cache
def _invoice() -> tuple[Invoice, bytes]:
    invoice = issued(belgian(), "N-000000")
    return invoice, ubl.write(invoice)


def attached(xml: bytes, size: int) -> bytes:
    """The document with `size` bytes of attachment (BT-125), which compress badly; the rules allow it."""
    content = base64.b64encode(random.Random(size).randbytes(size * 3 // 4))  # noqa: S311 - no secret
    reference = (
        b"<cac:AdditionalDocumentReference><cbc:ID>A-1</cbc:ID><cac:Attachment>"
        b'<cbc:EmbeddedDocumentBinaryObject mimeCode="application/pdf" filename="a.pdf">'
        + content
        + b"</cbc:EmbeddedDocumentBinaryObject></cac:Attachment></cac:AdditionalDocumentReference>"
    )
    place = b"<cac:AccountingSupplierParty>"
    return xml.replace(place, reference + place, 1)


def issued_event(company: UUID, customer: UUID, *, size: int = 0) -> InvoiceIssued:
    """The next invoice of a company, to a Belgian buyer, with so many bytes attached."""
    number = f"N-{next(_numbers):06d}"
    invoice, xml = _invoice()
    xml = xml.replace(b"N-000000", number.encode())
    xml = attached(xml, size) if size else xml
    return InvoiceIssued(
        invoice_id=uuid4(),
        company_id=company,
        customer_id=customer,
        number=number,
        document_kind="invoice",
        issue_date=invoice.issue_date,
        issued_at=datetime.now(UTC),
        buyer_name=invoice.buyer.name,
        amount_due=invoice.totals.amount_due,
        currency="EUR",
        language="fr",
        invoice=invoice.model_copy(update={"number": number}),
        original=_document(f"{number}.xml", "application/xml", xml),
    )


def rendered_event(event: InvoiceIssued) -> InvoiceRendered:
    """The PDF of an invoice (its bytes don't matter to transport)."""
    return InvoiceRendered(
        invoice_id=event.invoice_id,
        company_id=event.company_id,
        number=event.number,
        readable=_document(f"{event.number}.pdf", "application/pdf", PDF),
    )


def _document(name: str, media_type: str, content: bytes) -> Document:
    digest = hashlib.sha256(content).hexdigest()
    return Document(
        name=name, media_type=media_type, sha256=digest, content=base64.b64encode(content)
    )
