"""Service portal of one company or several: edit, be warned, confirm.

*Entreprises → Actions multiples → Portail de service → Administrer le portail d'entreprise → Éditer*.
What is for several companies becomes a deployment (mass_deployment.py).
"""

from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from services.portal.commands import activation, deployment
from services.portal.commands.activation import Preview
from services.portal.domain.activation import Situation
from services.portal.domain.deployment import Order
from services.portal.routes.pages.selection import Chosen, Selection, chosen_in_form
from services.portal.store import companies as store
from services.portal.store import portals
from services.portal.web.visitor import Deployer, Visitor
from shared.problems import Problem

router = APIRouter(include_in_schema=False, prefix="/companies/portal")

SHOWN = 25
"""Companies of a larger selection that are shown one by one."""
WARNING = "companies/warning.html"


@router.get("")
async def portals_of(visitor: Deployer, chosen: Chosen) -> Response:
    """The company portal of each company chosen."""
    if not chosen:
        return visitor.go("/companies?none=true")
    companies = await chosen.ids(visitor)
    async with visitor.request.app.state.service.database.system_transaction() as conn:
        found = await portals.situations(conn, companies[:SHOWN])
    return visitor.page(
        "companies/portal.html",
        situations=[found[c] for c in companies[:SHOWN]],
        count=len(companies),
        chosen=chosen,
    )


@router.get("/edit")
async def edit(visitor: Deployer, chosen: Chosen) -> Response:
    """The switch *facturation* and the profiles."""
    if not chosen:
        return visitor.go("/companies?none=true")
    companies = await chosen.ids(visitor)
    if len(companies) == 1:
        situation = await _look(visitor, companies[0])
        return _form_for_one(
            visitor, situation, Order(situation.enabled, frozenset(map(str, situation.profile_ids)))
        )
    return await _form_for_many(visitor, chosen, companies)


@router.post("/warning")
async def warn(visitor: Deployer) -> Response:
    """Name exactly who gains and who loses access; nothing is changed yet."""
    chosen, order = chosen_in_form(visitor), _order(visitor)
    companies = await chosen.ids(visitor)
    if len(companies) == 1:
        return await _warned(visitor, companies[0], order)
    if order.enabled and not order.profiles:
        return await _form_for_many(visitor, chosen, companies, wrong="problem.no-profile")
    state = visitor.request.app.state
    made = await deployment.propose(
        state.service.database, visitor.me, companies, order, state.clock
    )
    return visitor.go(f"/companies/portal/deployments/{made}")


@router.post("/confirm")
async def confirm(visitor: Deployer) -> Response:
    """Change the company whose warning was seen and still holds; a stale one is shown anew."""
    company, order = (await chosen_in_form(visitor).ids(visitor))[0], _order(visitor)
    situation, state = await _look(visitor, company), visitor.request.app.state
    try:
        await activation.change_billing(
            state.service.database,
            visitor.me,
            company,
            enabled=order.enabled,
            profile_ids=order.profiles_of(situation),
            token=visitor.field(f"preview.{company}"),
            clock=state.clock,
        )
    except Problem as problem:
        if problem.slug == "stale-preview":
            return await _warned(visitor, company, order, stale=True)
        return _refused(visitor, situation, order, problem)
    state.service.relay.wake()
    done = "billing_on" if order.enabled else "billing_off"
    return visitor.go(f"/companies/portal?company={company}", done)


def _order(visitor: Visitor) -> Order:
    return Order(visitor.field("enabled") == "on", frozenset(visitor.fields("profile")[:500]))


async def _look(visitor: Visitor, company: UUID) -> Situation:
    return await activation.look(visitor.request.app.state.service.database, visitor.me, company)


async def _warned(
    visitor: Visitor, company: UUID, order: Order, *, stale: bool = False
) -> Response:
    situation = await _look(visitor, company)
    if order.enabled and not order.profiles:
        return _form_for_one(visitor, situation, order, wrong="problem.no-profile")
    if not order.enabled and not situation.enabled:
        return _form_for_one(visitor, situation, order, wrong="problem.off-already")
    try:
        found = await activation.preview(
            visitor.request.app.state.service.database,
            visitor.me,
            company,
            enabled=order.enabled,
            profile_ids=order.profiles_of(situation),
        )
    except Problem as problem:
        return _refused(visitor, situation, order, problem)
    return _warning(visitor, situation, order, found, stale=stale)


def _warning(
    visitor: Visitor, situation: Situation, order: Order, preview: Preview, *, stale: bool
) -> Response:
    return visitor.page(
        WARNING,
        status=409 if stale else 200,
        situation=situation,
        order=order,
        preview=preview,
        stale=stale,
        refusal="",
    )


def _refused(visitor: Visitor, situation: Situation, order: Order, problem: Problem) -> Response:
    return visitor.page(
        WARNING,
        status=problem.status,
        situation=situation,
        order=order,
        preview=None,
        stale=False,
        refusal=problem.slug,
    )


def _form_for_one(
    visitor: Visitor, situation: Situation, order: Order, *, wrong: str = ""
) -> Response:
    return visitor.page(
        "companies/edit.html",
        status=422 if wrong else 200,
        situation=situation,
        order=order,
        problem=visitor.text(wrong) if wrong else None,
    )


async def _form_for_many(
    visitor: Visitor, chosen: Selection, companies: list[UUID], *, wrong: str = ""
) -> Response:
    firm = visitor.me.company_id
    async with visitor.request.app.state.service.database.system_transaction() as conn:
        profiles = await store.profile_names(conn, firm, companies)
    return visitor.page(
        "companies/edit_many.html",
        status=422 if wrong else 200,
        chosen=chosen,
        count=len(companies),
        profiles=profiles,
        problem=visitor.text(wrong) if wrong else None,
    )
