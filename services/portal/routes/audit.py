"""The table of actions by the portal's API: filtered, and exported as CSV or XLSX."""

import shutil
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.background import BackgroundTask

from services.portal import audit_export
from services.portal.audit_scope import scope_of
from services.portal.context import Context, context
from services.portal.spreadsheet import CSV
from services.portal.store import audit
from services.portal.store.audit import Filter
from shared.callers import Caller
from shared.database import Database

router = APIRouter(prefix="/api/v1", tags=["audit"])

Ctx = Annotated[Context, Depends(context)]
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PAGE = 500


@router.get("/companies/{company_id}/audit", response_model=None)
async def get_audit(
    company_id: UUID,
    caller: Caller,
    ctx: Ctx,
    start: datetime | None = None,
    end: datetime | None = None,
    action: Annotated[str | None, Query(max_length=60)] = None,
    actor: Annotated[str | None, Query(max_length=80)] = None,
    subject: Annotated[str | None, Query(max_length=60)] = None,
    before: int | None = None,
    as_: Annotated[Literal["json", "csv", "xlsx"], Query(alias="format")] = "json",
) -> Response:
    """Who did what, when and from where, newest first; for the company's own auditors and its firm's."""
    scope = await scope_of(ctx.db, caller, company_id)
    wanted = Filter(
        scope.company_id, scope.firm_id, scope.people, start, end, action, actor,
        None if subject is None else [subject],
    )  # fmt: skip
    if as_ == "csv":
        return await csv_answer(audit_export.as_csv(ctx.db, wanted))
    if as_ == "xlsx":
        return await xlsx_answer(ctx.db, wanted)
    async with ctx.db.system_transaction() as conn:
        lines = await audit.lines(conn, wanted, PAGE, before)
    return JSONResponse([_view(line) for line in lines])


async def csv_answer(stream: AsyncIterator[bytes]) -> Response:
    """The rows as a file, while they are read; what the database refuses is refused before it begins."""
    first = await anext(stream)

    async def whole() -> AsyncIterator[bytes]:
        yield first
        async for part in stream:
            yield part

    name = {"Content-Disposition": 'attachment; filename="audit.csv"'}
    return StreamingResponse(whole(), media_type=CSV, headers=name)


async def xlsx_answer(db: Database, wanted: Filter, *form: Any) -> Response:
    """The workbook as a file, which is removed afterwards."""
    path = await audit_export.as_xlsx(db, wanted, *form)
    gone = BackgroundTask(shutil.rmtree, path.parent, ignore_errors=True)
    return FileResponse(path, media_type=XLSX, filename="audit.xlsx", background=gone)


def _view(line: audit.AuditLine) -> dict[str, Any]:
    return {
        "position": line.position,
        "happened_at": line.happened_at.isoformat(),
        "actor": line.actor,
        "actor_name": line.actor_name,
        "company_id": str(line.company_id) if line.company_id else None,
        "company_name": line.company_name,
        "action": line.action,
        "subject": line.subject,
        "origin": line.origin,
        "trace_id": line.trace_id,
        "detail": line.detail,
    }
