"""Facturation of a company that no firm administers: its owners choose the profiles themselves."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from services.portal.commands import activation
from services.portal.domain.activation import Situation
from services.portal.domain.deployment import Order
from services.portal.web.settings_of import owned
from services.portal.web.visitor import SignedIn, Visitor
from shared.problems import Problem

router = APIRouter(include_in_schema=False, prefix="/companies/{company_id}/billing")

PAGE = "companies/own_billing.html"


@router.get("")
async def billing(company_id: UUID, visitor: SignedIn) -> Response:
    """The switch and the profiles; for a company of a firm, whom to ask."""
    known = await owned(visitor, company_id)
    if known["firm_id"]:
        return visitor.page(PAGE, **known, situation=None, order=None, preview=None)
    situation = await _look(visitor, company_id)
    ticked = frozenset(str(p) for p in situation.profile_ids)
    return _form(visitor, known, situation, Order(situation.enabled, ticked))


@router.post("/warning")
async def warn(company_id: UUID, visitor: SignedIn) -> Response:
    """Who gains and who loses access; nothing is changed yet."""
    known, situation = await owned(visitor, company_id), await _look(visitor, company_id)
    return await _warned(visitor, known, situation, _order(visitor))


@router.post("")
async def confirm(company_id: UUID, visitor: SignedIn) -> Response:
    """Change it, if the warning that was seen still holds; else it is shown anew."""
    known, situation = await owned(visitor, company_id), await _look(visitor, company_id)
    order, state = _order(visitor), visitor.request.app.state
    try:
        await activation.change_billing(
            state.service.database,
            visitor.me,
            company_id,
            enabled=order.enabled,
            profile_ids=order.profiles_of(situation),
            token=visitor.field("preview"),
            clock=state.clock,
        )
    except Problem as problem:
        if problem.slug == "stale-preview":
            return await _warned(visitor, known, situation, order, problem)
        return _form(visitor, known, situation, order, problem)
    state.service.relay.wake()
    done = "billing_on" if order.enabled else "billing_off"
    return visitor.go(f"/companies/{company_id}/billing", done)


async def _warned(
    visitor: Visitor,
    known: dict[str, Any],
    situation: Situation,
    order: Order,
    stale: Problem | None = None,
) -> Response:
    try:
        found = await activation.preview(
            visitor.request.app.state.service.database,
            visitor.me,
            situation.company_id,
            enabled=order.enabled,
            profile_ids=order.profiles_of(situation),
        )
    except Problem as problem:
        return _form(visitor, known, situation, order, problem)
    shown = {**known, "situation": situation, "order": order, "preview": found}
    return visitor.refused(PAGE, stale, **shown) if stale else visitor.page(PAGE, **shown)


def _form(
    visitor: Visitor,
    known: dict[str, Any],
    situation: Situation,
    order: Order,
    problem: Problem | None = None,
) -> Response:
    shown = {**known, "situation": situation, "order": order, "preview": None}
    return visitor.refused(PAGE, problem, **shown) if problem else visitor.page(PAGE, **shown)


async def _look(visitor: Visitor, company_id: UUID) -> Situation:
    return await activation.look(visitor.request.app.state.service.database, visitor.me, company_id)


def _order(visitor: Visitor) -> Order:
    return Order(visitor.field("enabled") == "on", frozenset(visitor.fields("profile")[:500]))
