"""Drafts: what is written before it is issued."""

from dataclasses import replace
from datetime import date
from typing import Literal
from uuid import UUID

from services.billing.domain.drafting import DraftContent
from services.billing.domain.errors import (
    AlreadyIssued,
    DocumentTooLarge,
    DraftChanged,
    NotAnInvoice,
    NotTheSeller,
)
from services.billing.store import companies, customers, drafts, series
from services.billing.store.drafts import DraftRow
from shared import outbox
from shared.access.guard import Principal
from shared.clock import Clock
from shared.contracts.billing import DraftEdited
from shared.database import Connection, Database
from shared.einvoice.syntax.ubl import Inspection, UblError, inspect
from shared.einvoice.xml import XmlRefused
from shared.events import MAX_DOCUMENT_BYTES
from shared.problems import Conflict, Invalid, NotFound


async def write_draft(
    db: Database,
    caller: Principal,
    draft_id: UUID,
    customer_id: UUID,
    kind: str,
    content: DraftContent,
    series_id: UUID | None,
    clock: Clock,
) -> DraftRow:
    """A new draft under the client's own id; the same request twice gives one draft."""
    stored = content.model_dump(mode="json", exclude_none=True)
    row = DraftRow(
        draft_id, caller.company_id, customer_id, series_id, kind, stored, None, None, None, 1
    )
    async with db.transaction(caller.company_id) as conn:
        await _require_customer(conn, caller.company_id, customer_id)
        await _require_series(conn, caller.company_id, series_id, kind)
        return await _add(conn, row, caller, clock)


async def post_ubl(
    db: Database,
    caller: Principal,
    draft_id: UUID,
    xml: bytes,
    customer_id: UUID | None,
    series_id: UUID | None,
    clock: Clock,
    *,
    date_of_issue: bool = False,
) -> DraftRow:
    """A draft from a UBL document, kept as it is; the seller must be the acting company.

    It keeps its own BT-2 unless `date_of_issue` asks for the day on which it is issued.
    """
    if len(xml) > MAX_DOCUMENT_BYTES:
        raise DocumentTooLarge(size=len(xml), limit=MAX_DOCUMENT_BYTES)
    try:
        face = inspect(xml)
    except (UblError, XmlRefused) as error:
        raise NotAnInvoice(str(error)) from error
    if face.is_signed:
        raise NotAnInvoice(
            "The document is signed; a number would break the signature. Post it unsigned."
        )
    kind = "credit_note" if face.is_credit_note else "invoice"
    async with db.transaction(caller.company_id) as conn:
        await _require_own_seller(conn, caller.company_id, face)
        found = customer_id or await _customer_named(conn, caller.company_id, face)
        await _require_customer(conn, caller.company_id, found)
        await _require_series(conn, caller.company_id, series_id, kind)
        own_date = None if date_of_issue else _own_date(face)
        row = DraftRow(
            draft_id, caller.company_id, found, series_id, kind, None, xml, own_date, None, 1
        )
        return await _add(conn, row, caller, clock)


async def change_draft(
    db: Database, caller: Principal, draft_id: UUID, content: DraftContent, version: int
) -> DraftRow:
    """Replace the content; refused once issued, or when somebody else changed it."""
    async with db.transaction(caller.company_id) as conn:
        row = await drafts.lock(conn, caller.company_id, draft_id)
        if row is None:
            raise NotFound
        if row.invoice_id is not None:
            raise AlreadyIssued(invoice_id=str(row.invoice_id))
        if row.posted_ubl is not None:
            raise Conflict(
                "A posted document is kept as it is; remove this draft and post another."
            )
        if row.version != version:
            raise DraftChanged(version=row.version)
        stored = content.model_dump(mode="json", exclude_none=True)
        changed = replace(row, content=stored, version=row.version + 1)
        await drafts.save(conn, changed)
        await _tell(conn, changed, caller, "edited")
    return changed


async def remove_draft(db: Database, caller: Principal, draft_id: UUID) -> None:
    """Throw a draft away; an issued one stays."""
    async with db.transaction(caller.company_id) as conn:
        row = await drafts.lock(conn, caller.company_id, draft_id)
        if row is None:
            raise NotFound
        if row.invoice_id is not None:
            raise AlreadyIssued(invoice_id=str(row.invoice_id))
        await drafts.remove(conn, caller.company_id, draft_id)
        await _tell(conn, replace(row, version=row.version + 1), caller, "removed")


async def _tell(
    conn: Connection,
    row: DraftRow,
    caller: Principal,
    change: Literal["written", "edited", "removed"],
) -> None:
    event = DraftEdited(
        draft_id=row.draft_id,
        company_id=row.company_id,
        customer_id=row.customer_id,
        document_kind="credit_note" if row.kind == "credit_note" else "invoice",
        change=change,
    )
    await outbox.append(conn, event, actor=caller.actor, aggregate_version=row.version)


def _own_date(face: Inspection) -> date:
    try:
        return date.fromisoformat(face.issue_date or "")
    except ValueError as error:
        raise NotAnInvoice(
            f"cbc:IssueDate is {face.issue_date!r}: write a date such as 2026-11-22 (BT-2)"
        ) from error


async def _add(conn: Connection, row: DraftRow, caller: Principal, clock: Clock) -> DraftRow:
    if await drafts.add(conn, row, clock()):
        await _tell(conn, row, caller, "written")
        return row
    known = await drafts.get(conn, row.company_id, row.draft_id)
    if known is None or (known.content, known.posted_ubl) != (row.content, row.posted_ubl):
        raise Conflict("A draft with this id is there already, with other content.")
    return known


async def _require_customer(conn: Connection, company_id: UUID, customer_id: UUID) -> None:
    if await customers.get(conn, company_id, customer_id) is None:
        raise Invalid(
            errors=[{"field": "customer_id", "message": "is not a customer of your company"}]
        )


async def _require_series(
    conn: Connection, company_id: UUID, series_id: UUID | None, kind: str
) -> None:
    if series_id is None:
        return
    found = await series.get(conn, company_id, series_id)
    if found is None or found.kind != kind:
        message = "is not a series of your company for this kind of document"
        raise Invalid(errors=[{"field": "series_id", "message": message}])


async def _customer_named(conn: Connection, company_id: UUID, face: Inspection) -> UUID:
    vat_number = face.buyer.vat_identifier
    row = await customers.by_vat_number(conn, company_id, vat_number) if vat_number else None
    if row is None:
        message = f"name the customer: none of yours has the buyer's VAT number {vat_number or '(none)'} (BT-48)"
        raise Invalid(errors=[{"field": "customer_id", "message": message}])
    return row.customer_id


async def _require_own_seller(conn: Connection, company_id: UUID, face: Inspection) -> None:
    state = await companies.state(conn, company_id)
    own = (
        {_compact(state["vat_number"]), _compact(state["registration_number"])[:9]}
        if state
        else set()
    )
    registration = face.seller.legal_registration.value if face.seller.legal_registration else ""
    named = {_compact(face.seller.vat_identifier or ""), _compact(registration)[:9]}
    if not (own & named) - {""}:
        raise NotTheSeller


def _compact(value: str) -> str:
    return value.replace(" ", "").replace(".", "").upper()
