"""Service portal of one company or several: edit, be warned, confirm; a result for each company.

*Entreprises → Actions multiples → Portail de service → Administrer le portail d'entreprise → Éditer*.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import Response

from services.portal.commands import activation
from services.portal.commands.activation import Preview
from services.portal.domain.activation import Situation
from services.portal.web.problems import problem_text
from services.portal.web.visitor import Deployer, Visitor
from shared.problems import Invalid, Problem

router = APIRouter(include_in_schema=False, prefix="/companies/portal")

LIMIT = 100
Chosen = Annotated[list[UUID], Query(max_length=LIMIT)]
WARNING = "companies/warning.html"


@dataclass(frozen=True)
class Outcome:
    """What became of one company: a preview to confirm, the new state, or a refusal in words."""

    situation: Situation
    preview: Preview | None = None
    changed: bool = False
    refusal: str = ""
    slug: str = ""


@dataclass(frozen=True)
class Wanted:
    """What the form asks for; profiles by id for one company, by name for several."""

    companies: list[UUID]
    enabled: bool
    profiles: list[str]

    def of(self, situation: Situation) -> list[UUID]:
        """The profiles of one company that are meant."""
        if not self.enabled:
            return []
        meant = set(self.profiles)
        return [p for p, name in situation.profiles.items() if {str(p), name} & meant]


@router.get("")
async def portals_of(visitor: Deployer, company: Chosen = []) -> Response:  # noqa: B006
    """The company portal of each company chosen."""
    if not company:
        return visitor.go("/companies?none=true")
    return visitor.page("companies/portal.html", situations=await _look(visitor, company))


@router.get("/edit")
async def edit(visitor: Deployer, company: Chosen = []) -> Response:  # noqa: B006
    """The switch *facturation* and the profiles."""
    if not company:
        return visitor.go("/companies?none=true")
    situations = await _look(visitor, company)
    chosen = {str(p) for s in situations for p in s.profile_ids}
    chosen |= {s.profiles[p] for s in situations for p in s.profile_ids if p in s.profiles}
    return _form(visitor, situations, chosen=chosen)


@router.post("/warning")
async def warn(visitor: Deployer) -> Response:
    """Name exactly who gains and who loses access; nothing is changed yet."""
    wanted = _wanted(visitor)
    situations = await _look(visitor, wanted.companies)
    if wanted.enabled and not wanted.profiles:
        return _form(visitor, situations, chosen=set(), wrong="problem.no-profile", status=422)
    outcomes = [await _previewed(visitor, s, wanted) for s in situations]
    status = 200 if any(o.preview for o in outcomes) else _status(outcomes)
    return visitor.page(WARNING, status=status, outcomes=outcomes, wanted=wanted, stale=False)


@router.post("/confirm")
async def confirm(visitor: Deployer) -> Response:
    """Change each company whose warning was seen and still holds; a stale one is shown anew."""
    wanted = _wanted(visitor)
    situations = await _look(visitor, wanted.companies)
    outcomes = [await _confirmed(visitor, s, wanted) for s in situations]
    visitor.request.app.state.service.relay.wake()
    if any(o.slug == "stale-preview" for o in outcomes):
        return visitor.page(WARNING, status=409, outcomes=outcomes, wanted=wanted, stale=True)
    if len(outcomes) == 1 and outcomes[0].changed:
        done = "billing_on" if wanted.enabled else "billing_off"
        return visitor.go(f"/companies/portal?company={wanted.companies[0]}", done)
    return visitor.page("companies/results.html", status=_status(outcomes), outcomes=outcomes)


def _wanted(visitor: Visitor) -> Wanted:
    try:
        companies = [UUID(c) for c in dict.fromkeys(visitor.fields("company"))]
    except ValueError as error:
        raise Invalid from error
    if not 0 < len(companies) <= LIMIT:
        raise Invalid
    return Wanted(companies, visitor.field("enabled") == "on", visitor.fields("profile")[:500])


def _form(
    visitor: Visitor,
    situations: Sequence[Situation],
    *,
    chosen: set[str],
    wrong: str = "",
    status: int = 200,
) -> Response:
    single = situations[0] if len(situations) == 1 else None
    if single:
        profiles = [(str(p), name) for p, name in single.profiles.items()]
    else:
        profiles = [(n, n) for n in sorted({n for s in situations for n in s.profiles.values()})]
    return visitor.page(
        "companies/edit.html",
        status=status,
        situations=situations,
        single=single,
        chosen=chosen,
        profiles=profiles,
        problem=visitor.text(wrong) if wrong else None,
    )


async def _look(visitor: Visitor, companies: Sequence[UUID]) -> list[Situation]:
    database = visitor.request.app.state.service.database
    return [await activation.look(database, visitor.me, c) for c in dict.fromkeys(companies)]


async def _previewed(visitor: Visitor, situation: Situation, wanted: Wanted) -> Outcome:
    database = visitor.request.app.state.service.database
    try:
        found = await activation.preview(
            database,
            visitor.me,
            situation.company_id,
            enabled=wanted.enabled,
            profile_ids=wanted.of(situation),
        )
    except Problem as problem:
        return _refused(visitor, situation, problem)
    return Outcome(situation, preview=found)


async def _confirmed(visitor: Visitor, situation: Situation, wanted: Wanted) -> Outcome:
    state = visitor.request.app.state
    try:
        after = await activation.change_billing(
            state.service.database,
            visitor.me,
            situation.company_id,
            enabled=wanted.enabled,
            profile_ids=wanted.of(situation),
            token=visitor.field(f"preview.{situation.company_id}"),
            clock=state.clock,
        )
    except Problem as problem:
        if problem.slug != "stale-preview":
            return _refused(visitor, situation, problem)
        fresh = await _previewed(visitor, situation, wanted)
        return Outcome(situation, preview=fresh.preview, refusal=fresh.refusal, slug=problem.slug)
    return Outcome(after, changed=True)


def _refused(visitor: Visitor, situation: Situation, problem: Problem) -> Outcome:
    return Outcome(situation, refusal=problem_text(visitor.language, problem), slug=problem.slug)


def _status(outcomes: Sequence[Outcome]) -> int:
    """One company: the refusal's own status; several: 200, each has its result on the page."""
    if len(outcomes) > 1 or not outcomes[0].refusal:
        return 200
    return (
        422 if outcomes[0].slug in ("legal-information-missing", "no-profile", "invalid") else 409
    )
