"""Issuing: the one place where a number is taken.

Everything that can be refused is checked before, outside the lock, with a placeholder in the
number's place. Under the series' row lock: the draft is rechecked, number and date are taken, the
document is written, stored and announced; all of it happens or none.
"""

import hashlib
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from services.billing.commands.composing import (
    Material,
    check,
    content_of,
    findings_view,
    written,
)
from services.billing.domain import numbering
from services.billing.domain.errors import (
    AlreadyIssued,
    DateOutOfOrder,
    DraftChanged,
    RulesBroken,
    SellerIncomplete,
)
from services.billing.store import companies, customers, drafts, invoices, renderings, series
from services.billing.store.drafts import DraftRow
from services.billing.store.invoices import InvoiceRow, NewInvoice
from services.billing.store.series import SeriesRow
from shared import metrics, outbox
from shared.access.guard import Principal
from shared.clock import Clock
from shared.contracts.billing import Document, InvoiceIssued
from shared.database import Connection, Database
from shared.einvoice.model import Invoice
from shared.einvoice.rules import (
    Finding,
    Validator,
    refused,
)
from shared.einvoice.syntax import ubl
from shared.failpoints import failpoint
from shared.ids import new_id
from shared.problems import Conflict, NotFound
from shared.telemetry import current_trace_id

RENDERED_AT_LATEST = timedelta(minutes=10)
"""When the PDF is made that no delivery and no reader asked for, however busy the service is."""


@dataclass(frozen=True)
class Issued:
    invoice: InvoiceRow
    warnings: list[Finding]


async def issue_invoice(
    db: Database, validator: Validator, caller: Principal, draft_id: UUID, clock: Clock, zone: str
) -> Issued:
    """Number, store and announce the draft's document. RulesBroken carries the findings."""
    with metrics.refusals(metrics.not_issued):
        issued = await _issue(db, validator, caller, draft_id, clock, zone)
    metrics.issued.add(1, {"kind": issued.invoice.kind})
    return issued


async def _issue(
    db: Database, validator: Validator, caller: Principal, draft_id: UUID, clock: Clock, zone: str
) -> Issued:
    material = await _read(db, caller.company_id, draft_id)
    day = material.draft.own_date or numbering.day_at(clock(), zone)
    findings = await check(validator, material, day)
    if refused(findings):
        raise RulesBroken(findings=findings_view(findings, caller.language))
    async with db.transaction(caller.company_id) as conn:
        face = await _issue_under_lock(conn, caller, material, clock, zone)
    failpoint("issue.after_commit")
    return Issued(face, findings)


async def _read(db: Database, company_id: UUID, draft_id: UUID) -> Material:
    async with db.transaction(company_id) as conn:
        draft = await drafts.get(conn, company_id, draft_id)
        if draft is None:
            raise NotFound
        if draft.invoice_id is not None:
            raise AlreadyIssued(invoice_id=str(draft.invoice_id))
        customer = await customers.get(conn, company_id, draft.customer_id)
        seller = await companies.state(conn, company_id)
        if customer is None or seller is None:
            raise NotFound
        if seller["missing_legal_fields"]:
            raise SellerIncomplete(missing=seller["missing_legal_fields"])
        chosen = await _series(conn, company_id, draft)
    return Material(draft, customer, seller, chosen, content_of(draft, customer, seller))


async def _series(conn: Connection, company_id: UUID, draft: DraftRow) -> SeriesRow:
    if draft.series_id is not None:
        found = await series.get(conn, company_id, draft.series_id)
        if found is None or found.kind != draft.kind:
            raise NotFound("The draft's series isn't one of yours for this kind of document.")
        return found
    default = await series.default(conn, company_id, draft.kind)
    if default is not None:
        return default
    prefix = "NC-" if draft.kind == "credit_note" else "F-"
    await series.add(conn, SeriesRow(new_id(), company_id, draft.kind, prefix, 6, 0, None, 1))
    made = await series.default(conn, company_id, draft.kind)
    if made is None:
        raise Conflict(f"The prefix {prefix} is another kind's: make a series for this one first.")
    return made


def _take(chosen: SeriesRow, draft: DraftRow, today: date) -> numbering.Numbered:
    try:
        return numbering.next_number(
            chosen.prefix,
            chosen.width,
            chosen.last_number,
            chosen.last_issue_date,
            today,
            draft.own_date,
        )
    except numbering.WrongOrder as error:
        raise DateOutOfOrder(last_issue_date=error.last_date, issue_date=error.own_date) from error


async def _issue_under_lock(
    conn: Connection, caller: Principal, material: Material, clock: Clock, zone: str
) -> InvoiceRow:
    chosen = await series.lock(conn, caller.company_id, material.series.series_id)
    draft = await drafts.lock(conn, caller.company_id, material.draft.draft_id)
    if chosen is None or draft is None:
        raise NotFound
    if draft.invoice_id is not None:
        raise AlreadyIssued(invoice_id=str(draft.invoice_id))
    if draft.version != material.draft.version:
        raise DraftChanged(version=draft.version)
    taken = _take(chosen, draft, numbering.day_at(clock(), zone))
    failpoint("issue.after_number")
    xml, composed = written(material, taken.number, taken.issue_date)
    invoice = composed or ubl.read(xml)
    new = _record(caller, material, taken, xml, invoice, clock)
    await invoices.add(conn, new)
    failpoint("issue.after_insert")
    await series.advance(conn, chosen.series_id, taken.sequence, taken.issue_date)
    await drafts.issued_as(conn, draft.draft_id, new.face.invoice_id)
    await renderings.plan(
        conn, caller.company_id, new.face.invoice_id, clock() + RENDERED_AT_LATEST
    )
    await outbox.append(
        conn, _announcement(new, invoice, draft.draft_id), actor=caller.actor, aggregate_version=1
    )
    failpoint("issue.before_commit")
    return new.face


def _record(
    caller: Principal,
    material: Material,
    taken: numbering.Numbered,
    xml: bytes,
    invoice: Invoice,
    clock: Clock,
) -> NewInvoice:
    face = InvoiceRow(
        invoice_id=new_id(),
        company_id=caller.company_id,
        customer_id=material.customer.customer_id,
        number=taken.number,
        kind=material.draft.kind,
        issue_date=taken.issue_date,
        issued_at=clock(),
        due_date=invoice.due_date,
        buyer_name=invoice.buyer.name,
        currency=invoice.currency,
        without_vat=invoice.totals.without_vat,
        amount_due=invoice.totals.amount_due,
        language=material.customer.state["language"],
        sha256=hashlib.sha256(xml).hexdigest(),
        issued_by=str(caller.actor),
        trace_id=current_trace_id(),
    )
    content = invoice.model_dump(mode="json", exclude_none=True)
    return NewInvoice(face, material.series.series_id, taken.sequence, content, xml)


def _announcement(new: NewInvoice, invoice: Invoice, draft_id: UUID) -> InvoiceIssued:
    import base64

    face = new.face
    return InvoiceIssued(
        invoice_id=face.invoice_id,
        company_id=face.company_id,
        customer_id=face.customer_id,
        number=face.number,
        document_kind="credit_note" if face.kind == "credit_note" else "invoice",
        issue_date=face.issue_date,
        issued_at=face.issued_at,
        buyer_name=face.buyer_name,
        amount_due=face.amount_due,
        currency=face.currency,
        language=face.language,
        invoice=invoice,
        original=Document(
            name=numbering.file_name(face.number, "xml"),
            media_type="application/xml",
            sha256=face.sha256,
            content=base64.b64encode(new.ubl),
        ),
        draft_id=draft_id,
    )
