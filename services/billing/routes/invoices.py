"""Drafts, issue, issued documents."""

from datetime import date, timedelta
from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from services.billing import views
from services.billing.commands import drafts as commands
from services.billing.commands.composing import findings_view
from services.billing.commands.issue import issue_invoice
from services.billing.commands.opening import note_opening
from services.billing.commands.readable import readable
from services.billing.context import Ctx
from services.billing.domain.drafting import DraftContent
from services.billing.domain.errors import AlreadyIssued
from services.billing.domain.numbering import day_at, file_name
from services.billing.store import invoices
from shared.callers import InvoicesBiller, InvoicesWriter
from shared.ids import new_id
from shared.problems import Invalid, NotFound, Problem

router = APIRouter(prefix="/v1", tags=["invoices"])

QUARTER = timedelta(days=92)


class NewDraft(BaseModel):
    model_config = ConfigDict(extra="forbid")

    draft_id: UUID = Field(default_factory=new_id)
    customer_id: UUID
    series_id: UUID | None = None
    kind: Literal["invoice", "credit_note"] = "invoice"
    content: DraftContent


class DraftChange(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: int
    content: DraftContent


@router.post("/drafts", status_code=201)
async def write_draft(body: NewDraft, caller: InvoicesWriter, ctx: Ctx) -> dict[str, Any]:
    """A draft from JSON in EN 16931 terms."""
    row = await commands.write_draft(
        ctx.db,
        caller,
        body.draft_id,
        body.customer_id,
        body.kind,
        body.content,
        body.series_id,
        ctx.clock,
    )
    return views.draft_view(row)


@router.post("/drafts/ubl", status_code=201)
async def post_ubl(
    request: Request,
    caller: InvoicesWriter,
    ctx: Ctx,
    customer_id: UUID | None = None,
    series_id: UUID | None = None,
    draft_id: UUID | None = None,
    set_issue_date: bool = False,
) -> dict[str, Any]:
    """A draft from a UBL document (`application/xml`), kept as it is; BT-1 is set when it is issued,
    BT-2 only with `set_issue_date`."""
    xml = await request.body()
    row = await commands.post_ubl(
        ctx.db,
        caller,
        draft_id or new_id(),
        xml,
        customer_id,
        series_id,
        ctx.clock,
        date_of_issue=set_issue_date,
    )
    return views.draft_view(row)


@router.get("/drafts")
async def list_drafts(caller: InvoicesBiller, ctx: Ctx) -> list[dict[str, Any]]:
    """Drafts that aren't issued yet."""
    return await views.open_drafts(ctx.db, caller.company_id)


@router.get("/drafts/{draft_id}")
async def get_draft(draft_id: UUID, caller: InvoicesBiller, ctx: Ctx) -> dict[str, Any]:
    """One draft."""
    return await views.draft(ctx.db, caller.company_id, draft_id)


@router.put("/drafts/{draft_id}")
async def change_draft(
    draft_id: UUID, body: DraftChange, caller: InvoicesWriter, ctx: Ctx
) -> dict[str, Any]:
    """Replace a draft's content; 409 once it is issued."""
    row = await commands.change_draft(ctx.db, caller, draft_id, body.content, body.version)
    return views.draft_view(row)


@router.delete("/drafts/{draft_id}", status_code=204)
async def remove_draft(draft_id: UUID, caller: InvoicesWriter, ctx: Ctx) -> None:
    """Throw a draft away."""
    await commands.remove_draft(ctx.db, caller, draft_id)


@router.post("/drafts/{draft_id}/issue", status_code=201)
async def issue(
    draft_id: UUID, response: Response, caller: InvoicesWriter, ctx: Ctx
) -> dict[str, Any]:
    """Issue a draft. It is issued once: asked again, the answer is the same invoice (200)."""
    try:
        issued = await issue_invoice(
            ctx.db, ctx.validator, caller, draft_id, ctx.clock, ctx.settings.time_zone
        )
    except AlreadyIssued as known:
        response.status_code = 200
        return await views.invoice(ctx.db, caller.company_id, UUID(known.extra["invoice_id"]))
    ctx.issued()
    view = views.invoice_view(issued.invoice, [])
    return {**view, "warnings": findings_view(issued.warnings, caller.language)}


@router.get("/invoices")
async def list_invoices(
    caller: InvoicesBiller,
    ctx: Ctx,
    customer_id: UUID | None = None,
    start: date | None = None,
    end: date | None = None,
) -> list[dict[str, Any]]:
    """Issued documents of a period (the last three months by default), both days included."""
    last = end or day_at(ctx.clock(), ctx.settings.time_zone)
    first = start or last - QUARTER
    if last < first:
        raise Invalid(errors=[{"field": "end", "message": "must not be before the start"}])
    return await views.find_invoices(ctx.db, caller.company_id, customer_id, first, last)


@router.get("/invoices/{invoice_id}")
async def get_invoice(invoice_id: UUID, caller: InvoicesBiller, ctx: Ctx) -> dict[str, Any]:
    """One issued document."""
    return await views.invoice(ctx.db, caller.company_id, invoice_id)


@router.patch("/invoices/{invoice_id}")
@router.put("/invoices/{invoice_id}")
async def change_invoice(invoice_id: UUID, caller: InvoicesWriter, ctx: Ctx) -> None:
    """An issued document never changes: 409."""
    await views.invoice(ctx.db, caller.company_id, invoice_id)
    raise AlreadyIssued


@router.get("/invoices/{invoice_id}/original")
async def get_original(invoice_id: UUID, caller: InvoicesBiller, ctx: Ctx) -> Response:
    """The legal original: the stored bytes of the UBL."""
    async with ctx.db.transaction(caller.company_id) as conn:
        row = await invoices.get(conn, caller.company_id, invoice_id)
        xml = await invoices.ubl(conn, caller.company_id, invoice_id)
    if row is None or xml is None:
        raise NotFound
    await note_opening(ctx.db, caller, row, "original")
    return Response(
        xml, media_type="application/xml", headers=_named(file_name(row.number, "xml"), row.sha256)
    )


@router.get("/invoices/{invoice_id}/readable")
async def get_readable(invoice_id: UUID, caller: InvoicesBiller, ctx: Ctx) -> Response:
    """The Factur-X PDF, made now where there is none yet; 404 with `rendering` when that takes longer
    than a reader waits."""
    async with ctx.db.transaction(caller.company_id) as conn:
        row = await invoices.get(conn, caller.company_id, invoice_id)
    if row is None:
        raise NotFound
    pdf = await readable(ctx.db, caller.company_id, invoice_id, ctx.needed, ctx.clock)
    if pdf is None:
        raise Problem(
            "The PDF is being rendered; try again in a moment.",
            status=404,
            slug="rendering",
            title="Not rendered yet",
            headers={"Retry-After": "1"},
        )
    await note_opening(ctx.db, caller, row, "readable")
    return Response(
        pdf, media_type="application/pdf", headers=_named(file_name(row.number, "pdf"), None)
    )


def _named(name: str, sha256: str | None) -> dict[str, str]:
    headers = {"Content-Disposition": f'inline; filename="{name}"'}
    if sha256:
        headers["ETag"] = f'"{sha256}"'
    return headers
