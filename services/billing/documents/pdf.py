"""The readable form of an invoice: Factur-X, that is PDF/A-3b with the CII embedded.

Import it in a worker process: typst and babel need not be in the service's own memory.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typst

from services.billing.documents.factur_x import declared
from services.billing.documents.page import content
from services.billing.documents.qr import epc_svg
from shared.einvoice.model import Invoice
from shared.einvoice.syntax import cii

_TEMPLATE = Path(__file__).parent / "invoice.typ"
_DRAWN = (
    (0x20, 0x52F),
    (0x1E00, 0x1FFF),
    (0x2010, 0x2027),
    (0x2030, 0x205E),
    (0x20A0, 0x20BF),
    (0x2190, 0x2193),
)
"""Ranges of characters that the embedded fonts draw: Latin, Greek, Cyrillic, punctuation, currencies."""


class RenderingFailed(RuntimeError):
    """The PDF could not be made; the message is the typesetter's."""


def render(invoice: Invoice, language: str) -> bytes:
    """The Factur-X PDF in `fr`, `nl` or `en` (any other language gives English).

    The same invoice and language give the same bytes: the only date in it is the issue date (BT-2).
    Characters that the embedded fonts lack are shown as ?; the embedded XML has them all.
    Raises RenderingFailed.
    """
    page = content(invoice, language)
    xml = cii.write(invoice).decode()
    code = epc_svg(invoice)
    inputs = {"xml": xml, "qr": code.decode() if code else ""}
    try:
        pdf = _compiled(invoice, inputs | {"page": json.dumps(page)})
    except typst.TypstError as error:
        if "could not be displayed" not in str(error):
            raise RenderingFailed(
                f"invoice {invoice.number} could not be typeset: {error}"
            ) from error
        pdf = _compiled(invoice, inputs | {"page": json.dumps(_mapped(page, _drawable))})
    return declared(pdf)


def _compiled(invoice: Invoice, inputs: dict[str, str]) -> bytes:
    issued = datetime.combine(invoice.issue_date, datetime.min.time(), UTC)
    made = typst.compile(
        _TEMPLATE.read_bytes(),
        format="pdf",
        pdf_standards=["a-3b"],
        ignore_system_fonts=True,
        sys_inputs=inputs,
        timestamp=int(issued.timestamp()),
    )
    if not isinstance(made, bytes):
        raise RenderingFailed(f"invoice {invoice.number}: the typesetter gave no PDF")
    return made


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {name: _mapped(part, change) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_mapped(part, change) for part in value]
    return value


def _drawable(text: str) -> str:
    return "".join(c if any(low <= ord(c) <= high for low, high in _DRAWN) else "?" for c in text)
