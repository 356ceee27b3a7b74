"""The table of actions: filtered, and exported as CSV or XLSX."""

import shutil
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.background import BackgroundTask

from services.portal import audit_export
from services.portal.context import Context, context
from services.portal.store import audit, portals
from services.portal.store.audit import Filter
from shared.access.guard import Principal
from shared.access.rights import AUDIT
from shared.http import Caller
from shared.problems import NotFound

router = APIRouter(prefix="/api/v1", tags=["audit"])

Ctx = Annotated[Context, Depends(context)]
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


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
    as_: Annotated[Literal["json", "csv", "xlsx"], Query(alias="format")] = "json",
) -> Response:
    """Who did what, when; for the company's own auditors and its firm's."""
    await _may_audit(ctx, caller, company_id)
    wanted = Filter(company_id, start, end, action, actor, subject)
    if as_ == "csv":
        name = {"Content-Disposition": 'attachment; filename="audit.csv"'}
        stream = audit_export.as_csv(ctx.db, wanted)
        return StreamingResponse(stream, media_type="text/csv; charset=utf-8", headers=name)
    if as_ == "xlsx":
        path = await audit_export.as_xlsx(ctx.db, wanted)
        gone = BackgroundTask(shutil.rmtree, path.parent, ignore_errors=True)
        return FileResponse(path, media_type=XLSX, filename="audit.xlsx", background=gone)
    async with ctx.db.system_transaction() as conn:
        lines = await audit.lines(conn, wanted, 500)
    return JSONResponse([_view(line) for line in lines])


def _view(line: audit.AuditLine) -> dict[str, Any]:
    return {
        "position": line.position,
        "happened_at": line.happened_at.isoformat(),
        "actor": line.actor,
        "actor_name": line.actor_name,
        "action": line.action,
        "subject": line.subject,
        "trace_id": line.trace_id,
        "detail": line.detail,
    }


async def _may_audit(ctx: Context, caller: Principal, company_id: UUID) -> None:
    async with ctx.db.system_transaction() as conn:
        situation = await portals.situation(conn, company_id)
    if situation is None or caller.company_id not in (company_id, situation.firm_id):
        raise NotFound
    caller.require(AUDIT)
