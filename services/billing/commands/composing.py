"""What becomes the document: composed from a draft or kept as posted, and judged by the official rules.

All of it before the lock, with a placeholder in the number's place; under the lock it is only
written again with the number that it gets.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from services.billing.domain import drafting, numbering
from services.billing.domain.errors import (
    DocumentTooLarge,
    NotAnInvoice,
    NotJudged,
    RulesUnavailable,
)
from services.billing.store.customers import CustomerRow
from services.billing.store.drafts import DraftRow
from services.billing.store.series import SeriesRow
from shared import metrics
from shared.einvoice.model import Invoice, InvoiceContent
from shared.einvoice.rules import (
    Finding,
    RuleSetMissing,
    Validator,
    ValidatorBroken,
    ValidatorBusy,
    applicable_sets,
    refused,
)
from shared.einvoice.syntax import ubl
from shared.einvoice.totals import complete
from shared.einvoice.xml import XmlRefused
from shared.events import MAX_DOCUMENT_BYTES
from shared.telemetry import tracer


@dataclass(frozen=True)
class Material:
    """All that an issue needs, read before the lock."""

    draft: DraftRow
    customer: CustomerRow
    seller: dict[str, Any]
    series: SeriesRow
    content: InvoiceContent | None
    """The draft in EN 16931 terms; None: a posted document, kept as it is."""


def content_of(
    draft: DraftRow, customer: CustomerRow, seller: dict[str, Any]
) -> InvoiceContent | None:
    """The draft in EN 16931 terms; None for a posted document, which is kept as it is."""
    if draft.posted_ubl is not None:
        return None
    return drafting.content_of(
        drafting.DraftContent.model_validate(draft.content),
        draft.kind,
        seller,
        customer.state,
        structured_reference(draft.draft_id, seller),
    )


def structured_reference(draft_id: UUID, seller: dict[str, Any]) -> str:
    """What the payer repeats: in Belgium a structured communication, elsewhere an ISO 11649 reference."""
    if seller["address"]["country"] != "BE":
        from stdnum import iso11649
        from stdnum.iso7064 import mod_97_10

        body = draft_id.hex[-20:].upper()
        reference = f"RF{mod_97_10.calc_check_digits(f'{body}RF')}{body}"
        return str(iso11649.validate(reference))
    from services.billing.documents.structured_communication import format_communication

    return format_communication(draft_id.int % 10_000_000_000)


async def check(validator: Validator, material: Material, day: date) -> list[Finding]:
    """The findings of the official rules on the document with a placeholder for its number.

    NotAnInvoice where a posted document can't be numbered, or passes and can't be read all the same.
    """
    number = numbering.placeholder(material.series.prefix, material.series.width)
    with tracer.start_as_current_span("apply official rules") as span:
        try:
            xml, composed = written(material, number, day)
            if len(xml) > MAX_DOCUMENT_BYTES:
                raise DocumentTooLarge(size=len(xml), limit=MAX_DOCUMENT_BYTES)
            sets = applicable_sets(composed or ubl.inspect(xml))
            span.set_attribute("facteur.rule_sets", list(sets))
            with metrics.timed(metrics.rules_time):
                findings = await validator.validate(xml, sets)
            if composed is None and not refused(findings):
                ubl.read(xml)
        except (ValidatorBusy, RuleSetMissing) as error:
            raise RulesUnavailable(str(error), headers={"Retry-After": "2"}) from error
        except ValidatorBroken as error:
            raise NotJudged from error
        except (ubl.UblError, XmlRefused) as error:
            raise NotAnInvoice(str(error)) from error
    return findings


def written(material: Material, number: str, day: date) -> tuple[bytes, Invoice | None]:
    """The UBL under this number: written by us from the invoice that comes with it, or the posted
    document with BT-1 and BT-2 set."""
    if material.content is None:
        return ubl.set_number(material.draft.posted_ubl or b"", number, day), None
    invoice = complete(material.content, number, day)
    return ubl.write(invoice), invoice


def findings_view(findings: list[Finding], language: str) -> list[dict[str, Any]]:
    """Findings as the API shows them: rule, field, what is wrong and what to do, in one language."""
    return [
        {
            "rule": f.rule,
            "severity": f.severity.value,
            "rule_set": f.rule_set,
            "field": f.business_term,
            "location": f.location,
            "what_to_do": f.explanation.in_language(language),
            "message": f.message,
        }
        for f in findings
    ]
