"""Who did what, when and from where: one table, filtered and exported; and one document's history."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from services.portal import audit_export
from services.portal.audit_scope import scope_of
from services.portal.domain.audit import about
from services.portal.domain.checkpoints import old
from services.portal.routes.audit import csv_answer, xlsx_answer
from services.portal.store import audit, people, readmodels
from services.portal.store.audit import AuditLine, ChainCheck, Filter, Heard
from services.portal.web import formats, words
from services.portal.web.told import broken, told
from services.portal.web.visitor import Biller, SignedIn, Visitor
from shared.access.rights import AUDIT
from shared.database import Connection
from shared.problems import Invalid, NotFound, Problem

router = APIRouter(include_in_schema=False)

PAGE = 50
COLUMNS = (
    "audit.number",
    "audit.when",
    "audit.who",
    "audit.company",
    "audit.what",
    "audit.about",
    "audit.origin",
    "audit.detail",
    "audit.trace",
)


@dataclass(frozen=True)
class Asked:
    """The filter as the address says it; empty: no matter."""

    company: str = ""
    person: str = ""
    action: str = ""
    start: str = ""
    end: str = ""
    document: str = ""

    @property
    def values(self) -> dict[str, str]:
        return {k: v for k, v in vars(self).items() if v}


def _asked(
    company: Annotated[str, Query(max_length=40)] = "",
    person: Annotated[str, Query(max_length=80)] = "",
    action: Annotated[str, Query(max_length=60)] = "",
    start: Annotated[str, Query(max_length=10)] = "",
    end: Annotated[str, Query(max_length=10)] = "",
    document: Annotated[str, Query(max_length=60)] = "",
) -> Asked:
    return Asked(company, person, action, start, end, document.strip())


Wanted = Annotated[Asked, Depends(_asked)]


@router.get("/audit")
async def table(visitor: SignedIn, asked: Wanted, before: int | None = None) -> Response:
    """Newest first; how many there are, and whether the chain that holds them is whole."""
    visitor.me.require(AUDIT)
    problem: Problem | None = None
    try:
        wanted = await _filter(visitor, asked)
    except Invalid as refused:
        problem, wanted = refused, await _filter(visitor, Asked(asked.company))
    async with visitor.request.app.state.service.database.system_transaction() as conn:
        lines = await audit.lines(conn, wanted, PAGE + 1, before)
        now = visitor.request.app.state.clock()
        shown: dict[str, Any] = {
            "lines": lines[:PAGE],
            "more": len(lines) > PAGE,
            "count": await audit.count(conn, wanted),
            **_standing(await audit.last_check(conn), await audit.heard(conn), now),
            "profiles": await _profiles(conn, wanted),
            "people": await people.names_in(conn, wanted.company_id or visitor.me.company_id),
            "company_name": await people.company_name(conn, wanted.company_id),
            "actions": words.family(visitor.language, "action"),
            "asked": asked,
            "before": before,
            "about": about,
            "broken": partial(broken, visitor.language),
        }
    if problem is not None:
        return visitor.refused("audit/table.html", problem, **shown)
    return visitor.page("audit/table.html", **shown)


def _standing(check: ChainCheck | None, heard: Heard, now: datetime) -> dict[str, Any]:
    """Whether the chain is whole, and for how long nothing has vouched for its end."""
    return {
        "check": check,
        "heard": heard,
        "sealed_ago": now - heard.at if heard.at else None,
        "sealing_late": check and old(now, heard.entries, heard.position, heard.at),
    }


@router.get("/audit/export.csv")
async def as_csv(visitor: SignedIn, asked: Wanted) -> Response:
    """Just the rows that the page shows, all pages of them."""
    visitor.me.require(AUDIT)
    database = visitor.request.app.state.service.database
    wanted = await _filter(visitor, asked)
    return await csv_answer(audit_export.as_csv(database, wanted, *await _form(visitor, wanted)))


@router.get("/audit/export.xlsx")
async def as_xlsx(visitor: SignedIn, asked: Wanted) -> Response:
    """The same as a workbook."""
    visitor.me.require(AUDIT)
    wanted = await _filter(visitor, asked)
    form = await _form(visitor, wanted)
    return await xlsx_answer(visitor.request.app.state.service.database, wanted, *form)


@router.get("/invoices/{invoice_id}/history")
async def history(invoice_id: UUID, visitor: Biller) -> Response:
    """Everything that anybody did with a document, its draft included."""
    company = visitor.me.company_id
    async with visitor.request.app.state.service.database.system_transaction() as conn:
        face = await readmodels.invoice(conn, company, invoice_id)
        if face is None:
            raise NotFound
        of_the_document = Filter(company_id=company, subjects=[str(invoice_id)])
        lines = await audit.lines(conn, of_the_document, PAGE * 10)
        drafts = [str(d) for line in lines if (d := line.detail.get("draft_id"))]
        if drafts:
            both = replace(of_the_document, subjects=[str(invoice_id), *drafts])
            lines = await audit.lines(conn, both, PAGE * 10)
    return visitor.page("audit/history.html", invoice=face, lines=lines, profiles={})


async def _filter(visitor: Visitor, asked: Asked) -> Filter:
    """What the address asks for, within what this person may see."""
    database = visitor.request.app.state.service.database
    try:
        company = UUID(asked.company) if asked.company else None
    except ValueError as error:
        raise NotFound from error
    scope = await scope_of(database, visitor.me, company)
    start, end = _day(asked.start, "start"), _day(asked.end, "end")
    if start and end and end < start:
        raise Invalid(errors=[{"field": "end", "message": "must not be before the start"}])
    found = replace(
        scope,
        start=_midnight(start) if start else None,
        end=_midnight(end + timedelta(days=1)) if end else None,
        action=asked.action or None,
        actor=asked.person or None,
    )
    if not asked.document:
        return found
    async with database.system_transaction() as conn:
        companies = await people.companies_in(conn, scope.company_id, scope.firm_id)
        named = await readmodels.named(conn, companies, asked.document)
    return replace(found, subjects=[str(i) for i in named])


def _day(value: str, name: str) -> date | None:
    wrong = Invalid(errors=[{"field": name, "message": "a valid date"}])
    try:
        found = date.fromisoformat(value) if value else None
    except ValueError as error:
        raise wrong from error
    if found is not None and not date.min < found < date.max:  # their midnights are outside of time
        raise wrong
    return found


def _midnight(day: date) -> datetime:
    """When a day begins in France and Belgium."""
    return datetime.combine(day, time.min, formats.ZONE).astimezone(UTC)


async def _profiles(conn: Connection, wanted: Filter) -> dict[str, str]:
    return await people.profile_names(conn, wanted.company_id, wanted.firm_id)


async def _form(visitor: Visitor, wanted: Filter) -> tuple[Sequence[str], Any]:
    language = visitor.language
    async with visitor.request.app.state.service.database.system_transaction() as conn:
        profiles = await _profiles(conn, wanted)

    def cells(line: AuditLine) -> list[str]:
        system = (
            "" if line.actor_name or not line.actor.startswith("system:") else "timeline.system"
        )
        return [
            str(line.position),
            formats.moment(line.happened_at, language, seconds=True),
            visitor.text(system) if system else line.actor_name or line.actor,
            line.company_name,
            words.known(language, f"action.{line.action}") or line.action,
            about(line.detail, line.subject, line.about_name),
            line.origin,
            told(language, line.detail, profiles),
            line.trace_id,
        ]

    return [visitor.text(key) for key in COLUMNS], cells
