"""Writing a document: the form, kept as a draft, and issuing it."""

from itertools import zip_longest
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from services.portal.domain import writing
from services.portal.domain.writing import Written
from services.portal.routes.pages.rates import rates_of
from services.portal.web.owners import MOST_LISTED
from services.portal.web.visitor import Biller, Visitor
from shared.digits import whole
from shared.ids import new_id
from shared.problems import Problem

router = APIRouter(include_in_schema=False)

FORM = "invoices/form.html"
MAX_LINES = 500


@router.get("/invoices/new")
async def new_invoice(visitor: Biller, customer_id: str = "") -> Response:
    """An empty form; the draft's id is made here, so that sending twice makes one."""
    rates = await rates_of(visitor)
    lines = [{**writing.EMPTY_LINE, "vat": rates[0]}]
    written = Written(dict.fromkeys(writing.HEAD, ""), lines, {"vat": rates[0]})
    draft = {
        "draft_id": str(new_id()),
        "version": "",
        "customer_id": customer_id,
        "kind": "invoice",
    }
    return await _form(visitor, draft, written)


@router.get("/drafts/{draft_id}")
async def draft_form(draft_id: UUID, visitor: Biller) -> Response:
    """A draft that is kept."""
    draft = await visitor.get("billing", f"/v1/drafts/{draft_id}")
    if draft["invoice_id"]:
        return visitor.go(f"/invoices/{draft['invoice_id']}")
    if draft["posted_ubl"]:
        return visitor.page("invoices/posted.html", draft=draft, findings=[])
    return await _form(visitor, draft, writing.written_from(draft["content"]))


@router.post("/drafts/{draft_id}")
async def write(draft_id: UUID, visitor: Biller) -> Response:
    """One button of the form: a line more or less, a product, the sums, keep, issue, throw away."""
    action = visitor.field("action")
    draft = {
        "draft_id": str(draft_id),
        "version": visitor.field("version"),
        "customer_id": visitor.field("customer_id"),
        "kind": "credit_note" if visitor.field("kind") == "credit_note" else "invoice",
    }
    written = _written(visitor)
    if action == "add" and len(written.lines) < MAX_LINES:
        written.lines.append({**writing.EMPTY_LINE, "vat": written.lines[-1]["vat"]})
    elif action == "product" and len(written.lines) < MAX_LINES:
        await _add_product(visitor, written)
    elif action.startswith("remove:"):
        row = whole(action.removeprefix("remove:"), len(written.lines) - 1)
        if row is not None and len(written.lines) > 1:
            del written.lines[row]
    elif action == "discard":
        return await _discard(visitor, draft)
    elif action in ("save", "issue"):
        return await _keep(visitor, draft, written, issue=action == "issue")
    return await _form(visitor, draft, written)


@router.post("/drafts/{draft_id}/issue")
async def issue_posted(draft_id: UUID, visitor: Biller) -> Response:
    """Issue a draft that was posted as UBL: there is nothing to write."""
    try:
        answer = await visitor.ask("billing", "POST", f"/v1/drafts/{draft_id}/issue")
    except Problem as problem:
        draft = await visitor.get("billing", f"/v1/drafts/{draft_id}")
        findings = problem.extra.get("findings", [])
        return visitor.refused("invoices/posted.html", problem, draft=draft, findings=findings)
    return visitor.go(f"/invoices/{answer.json()['invoice_id']}", "issued")


async def _add_product(visitor: Visitor, written: Written) -> None:
    """A line with the chosen product, in the place of an empty last one."""
    chosen = visitor.field("product_id")
    found = next((p for p in await _products(visitor) if p["product_id"] == chosen), None)
    if found is None:
        return
    if writing.is_empty(written.lines[-1]):
        written.lines.pop()
    written.lines.append(writing.line_of(found))


async def _products(visitor: Visitor) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = await visitor.get("billing", "/v1/products")
    return listed


async def _discard(visitor: Visitor, draft: dict[str, Any]) -> Response:
    if draft["version"]:
        await visitor.ask("billing", "DELETE", f"/v1/drafts/{draft['draft_id']}")
    return visitor.go("/invoices", "draft_discarded")


async def _keep(
    visitor: Visitor, draft: dict[str, Any], written: Written, *, issue: bool
) -> Response:
    content = writing.content_of(written)
    try:
        saved = await _save(visitor, draft, content)
        draft["version"] = str(saved["version"])
        if not issue:
            return visitor.go(f"/drafts/{draft['draft_id']}", "draft_kept")
        path = f"/v1/drafts/{draft['draft_id']}/issue"
        issued = (await visitor.ask("billing", "POST", path)).json()
    except Problem as problem:
        if problem.slug == "already-issued" and "invoice_id" in problem.extra:
            return visitor.go(f"/invoices/{problem.extra['invoice_id']}", "issued")
        return await _form(visitor, draft, written, problem)
    return visitor.go(f"/invoices/{issued['invoice_id']}", "issued")


async def _save(visitor: Visitor, draft: dict[str, Any], content: dict[str, Any]) -> dict[str, Any]:
    if not draft["version"]:
        body = {k: draft[k] for k in ("draft_id", "customer_id", "kind")} | {"content": content}
        made: dict[str, Any] = (
            await visitor.ask("billing", "POST", "/v1/drafts", json=body)
        ).json()
        return made
    path = f"/v1/drafts/{draft['draft_id']}"
    stored = await visitor.get("billing", path)
    whole = writing.carried_over(stored["content"] or {}, content)
    body = {"version": draft["version"], "content": whole}
    changed: dict[str, Any] = (await visitor.ask("billing", "PUT", path, json=body)).json()
    return changed


def _written(visitor: Visitor) -> Written:
    columns = [visitor.fields(f"line_{name}")[:MAX_LINES] for name in writing.LINE]
    lines = [dict(zip(writing.LINE, row, strict=True)) for row in zip(*columns, strict=False)]
    for name in writing.CARRIED:
        for line, value in zip_longest(lines, visitor.fields(f"line_{name}")[: len(lines)]):
            line[name] = value or ""
    return Written(
        head={name: visitor.field(name) for name in writing.HEAD},
        lines=lines or [dict(writing.EMPTY_LINE)],
        allowance={n: visitor.field(f"allowance_{n}") for n in ("amount", "reason", "vat")},
        note=visitor.field("note"),
        exemption=visitor.field("exemption"),
        preceding={n: visitor.field(f"preceding_{n}") for n in ("number", "issue_date")},
    )


async def _customers(visitor: Visitor, chosen: str) -> list[dict[str, Any]]:
    """The choices; of very many customers the first by name, and the one that is chosen."""
    listed: list[dict[str, Any]] = await visitor.get("billing", "/v1/customers")
    if chosen and all(c["customer_id"] != chosen for c in listed):
        try:
            listed.append(await visitor.get("billing", f"/v1/customers/{UUID(chosen)}"))
        except (Problem, ValueError):
            return listed  # there is none like that: nothing is chosen
    return listed


async def _form(
    visitor: Visitor, draft: dict[str, Any], written: Written, problem: Problem | None = None
) -> Response:
    choices = await rates_of(visitor)
    used = {line["vat"] for line in written.lines} - {""}
    values = {
        "draft": draft,
        "written": written,
        "customers": await _customers(visitor, draft["customer_id"]),
        "products": await _products(visitor),
        "most": MOST_LISTED,
        "rates": [*choices, *sorted(used - set(choices))],
        "units": [
            *writing.UNITS,
            *sorted({line["unit"] for line in written.lines} - set(writing.UNITS)),
        ],
        "sums": writing.sums(writing.content_of(written)),
        "rows": writing.row_numbers(written.lines),
        "findings": problem.extra.get("findings", []) if problem else [],
    }
    if problem is None:
        return visitor.page(FORM, **values)
    _rename(problem, values["rows"])
    return visitor.refused(FORM, problem, **values)


def _rename(problem: Problem, rows: list[int]) -> None:
    """`content.lines.0.price.net` of the API is `line.0.price` of the form. That there is no line left
    without those that are wrong goes without saying."""
    for error in problem.extra.get("errors") or []:
        parts = str(error.get("field", "")).removeprefix("content.").split(".")
        index = whole(parts[1]) if parts[0] == "lines" and len(parts) > 2 else None
        if index is not None:
            row = rows[index] if index < len(rows) else 0
            error["field"] = f"line.{row}.{'name' if parts[2] == 'item' else parts[2]}"
        elif parts[0] == "allowances":
            error["field"] = f"allowance.{parts[2] if len(parts) > 2 else 'amount'}"
        else:
            error["field"] = ".".join(parts)
    errors = problem.extra.get("errors") or []
    if any(error.get("field", "").startswith("line.") for error in errors):
        problem.extra["errors"] = [e for e in errors if e.get("field") != "lines"]
