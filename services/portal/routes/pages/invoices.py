"""Issued documents: list, one document with its timeline, downloads, credit note, resend."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from services.portal.domain.timeline import OVER, told
from services.portal.domain.writing import credit_of
from services.portal.store import people, readmodels
from services.portal.web.owners import MOST_LISTED, OwnerAway
from services.portal.web.visitor import Biller, Visitor
from shared.ids import new_id
from shared.problems import NotFound, Problem

router = APIRouter(include_in_schema=False)

QUARTER = timedelta(days=92)


@router.get("/invoices")
async def invoices(
    visitor: Biller, customer_id: str = "", start: str = "", end: str = ""
) -> Response:
    """Documents of a period, the last three months unless said otherwise, and open drafts."""
    problem: Problem | None = None
    found: list[dict[str, Any]] = []
    customers, drafts = await asyncio.gather(
        visitor.get("billing", "/v1/customers"), visitor.get("billing", "/v1/drafts")
    )
    today = visitor.request.app.state.clock().date()
    first, last = start or (today - QUARTER).isoformat(), end or today.isoformat()
    try:
        asked = {"customer_id": customer_id, "start": first, "end": last}
        found = await visitor.get("billing", "/v1/invoices", **asked)
    except OwnerAway:
        raise
    except Problem as refused:
        problem = refused
    states = await _states(visitor, [UUID(i["invoice_id"]) for i in found])
    values = {
        "invoices": found,
        "deliveries": states,
        "drafts": drafts,
        "customers": customers,
        "names": {c["customer_id"]: c["name"] for c in customers},
        "filters": {"customer_id": customer_id, "start": first, "end": last},
        "filtered": bool(customer_id or start or end),
        "most": MOST_LISTED,
    }
    if problem is not None:
        return visitor.refused("invoices/list.html", problem, **values)
    return visitor.page("invoices/list.html", **values)


@router.get("/invoices/{invoice_id}")
async def invoice(invoice_id: UUID, visitor: Biller) -> Response:
    """The document as billing has it, else as the portal remembers it, and its timeline."""
    try:
        found, away = await visitor.get("billing", f"/v1/invoices/{invoice_id}"), None
    except OwnerAway as problem:
        found, away = await _remembered(visitor, invoice_id), problem
    shown = {"invoice": found, **await _timeline(visitor, invoice_id)}
    if away is not None:
        return visitor.refused("invoices/invoice.html", away, **shown)
    return visitor.page("invoices/invoice.html", **shown)


@router.get("/invoices/{invoice_id}/timeline")
async def timeline(invoice_id: UUID, visitor: Biller) -> Response:
    """The part of the page that changes by itself."""
    return visitor.page("invoices/timeline.html", **await _timeline(visitor, invoice_id))


@router.get("/invoices/{invoice_id}/original")
async def original(invoice_id: UUID, visitor: Biller) -> Response:
    """The legal original (UBL), as a file."""
    answer = await visitor.ask("billing", "GET", f"/v1/invoices/{invoice_id}/original")
    return _file(answer.content, answer.headers, "attachment")


@router.get("/invoices/{invoice_id}/readable")
async def readable(invoice_id: UUID, visitor: Biller) -> Response:
    """The Factur-X PDF."""
    answer = await visitor.ask("billing", "GET", f"/v1/invoices/{invoice_id}/readable")
    return _file(answer.content, answer.headers, "inline")


@router.post("/invoices/{invoice_id}/credit-note")
async def credit_note(invoice_id: UUID, visitor: Biller) -> Response:
    """A draft of a credit note for the whole invoice, which it names; to be checked, then issued."""
    found = await visitor.get("billing", f"/v1/invoices/{invoice_id}")
    content = credit_of(found["content"], found["number"], found["issue_date"])
    draft_id = str(new_id())
    body = {"draft_id": draft_id, "customer_id": found["customer_id"], "kind": "credit_note"}
    await visitor.ask("billing", "POST", "/v1/drafts", json={**body, "content": content})
    return visitor.go(f"/drafts/{draft_id}", "credit_note_drafted")


@router.post("/deliveries/{delivery_id}/resend")
async def resend(delivery_id: UUID, visitor: Biller) -> Response:
    """Send again what is over."""
    made = (await visitor.ask("delivery", "POST", f"/v1/deliveries/{delivery_id}/resend")).json()
    return visitor.go(f"/invoices/{made['invoice_id']}", "resent")


@router.post("/deliveries/{delivery_id}/confirm")
async def confirm(delivery_id: UUID, visitor: Biller) -> Response:
    """A person knows that it arrived, and says how."""
    body = {"reason": visitor.field("reason")}
    path = f"/v1/deliveries/{delivery_id}/confirm"
    made = (await visitor.ask("delivery", "POST", path, json=body)).json()
    return visitor.go(f"/invoices/{made['invoice_id']}", "confirmed")


@router.post("/deliveries/{delivery_id}/cancel")
async def cancel(delivery_id: UUID, visitor: Biller) -> Response:
    """Don't send what isn't on its way yet."""
    made = (await visitor.ask("delivery", "POST", f"/v1/deliveries/{delivery_id}/cancel")).json()
    return visitor.go(f"/invoices/{made['invoice_id']}", "cancelled")


async def _states(
    visitor: Visitor, invoice_ids: list[UUID]
) -> Mapping[str, list[readmodels.DeliveryFace]]:
    company = visitor.me.company_id
    async with visitor.request.app.state.service.database.transaction(company) as conn:
        rows = await readmodels.deliveries_of(conn, company, invoice_ids)
    states: dict[str, list[readmodels.DeliveryFace]] = {str(i): [] for i in invoice_ids}
    for row in rows:
        states[str(row.invoice_id)].append(row)
    return states


async def _timeline(visitor: Visitor, invoice_id: UUID) -> dict[str, Any]:
    company = visitor.me.company_id
    async with visitor.request.app.state.service.database.transaction(company) as conn:
        rows = await readmodels.timeline_of(conn, company, invoice_id)
        faces = await readmodels.deliveries_of(conn, company, [invoice_id])
        names = await people.names_in(conn, company)
    return {
        "invoice_id": invoice_id,
        "entries": told(rows),
        "deliveries": sorted(
            faces, key=lambda f: (f.channel, f.scheduled_at is None, f.delivery_id)
        ),
        "actors": names,
        "resendable": {f.delivery_id for f in faces if f.state in OVER},
        "settled": bool(faces) and all(f.state in (*OVER, "delivered") for f in faces),
    }


async def _remembered(visitor: Visitor, invoice_id: UUID) -> dict[str, Any]:
    company = visitor.me.company_id
    async with visitor.request.app.state.service.database.transaction(company) as conn:
        face = await readmodels.invoice(conn, company, invoice_id)
    if face is None:
        raise NotFound
    return {
        "invoice_id": str(face.invoice_id),
        "number": face.number,
        "kind": face.document_kind,
        "issue_date": face.issue_date,
        "issued_at": face.issued_at,
        "due_date": None,
        "buyer_name": face.buyer_name,
        "currency": face.currency,
        "without_vat": "",
        "amount_due": face.amount_due,
        "sha256": "",
        "trace_id": "",
        "customer_id": str(face.customer_id),
        "content": None,
    }


def _file(content: bytes, headers: Mapping[str, str], how: str) -> Response:
    name = headers.get("content-disposition", "").partition('filename="')[2].rstrip('"')
    return Response(
        content,
        media_type=headers.get("content-type", "application/octet-stream"),
        headers={"Content-Disposition": f'{how}; filename="{name or "document"}"'},
    )
