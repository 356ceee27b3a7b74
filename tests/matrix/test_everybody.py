"""Everybody there can be is answered by what docs/access-matrix.toml asks, and told nothing else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.matrix.everybody import Standing, roles, standings
from tests.matrix.hearing import hear
from tests.matrix.people import HIDDEN, Cast
from tests.matrix.source import ALLOWED, SERVICES, Lacks, Route, source
from tests.matrix.trying import REFUSALS, Cell, is_page, told, tried

PAGES = "pages"
UNLIKE = ("gone", "incomplete", "unsubscribed", "moved")
"""States of the company in which some routes answer otherwise to whoever gets through."""


@pytest.mark.parametrize("part", [*SERVICES, PAGES])
async def test_everybody_there_can_be_is_answered_by_what_the_policy_asks(
    everybody: Cast, part: str
) -> None:
    hearing = SERVICES if part == PAGES else [part]  # pages ask the other services
    generated = [r for r in source().routes if r.policy.generated and part_of(r) == part]
    asked: dict[Standing, list[Route]] = {}
    for route in generated:
        for standing in standings(route.policy):
            asked.setdefault(standing, []).append(route)
    wrong, tries, through = [], 0, set()
    for standing, routes in asked.items():
        await everybody.renew()
        async with undone(everybody):
            await hear(everybody, standing, hearing)
            for route in routes:
                for role in roles(route.policy, standing):
                    cell = await one_of_everybody(everybody, route, role, standing)
                    tries += 1
                    if not cell.right or told_too_much(cell, standing.lacks(role)):
                        wrong.append(cell)
                    elif cell.found not in REFUSALS:
                        through.add(route.name)
    assert wrong == [], told(wrong)
    assert tries > 1000
    assert through >= {route.name for route in generated if str(route.answer) not in REFUSALS}


def part_of(route: Route) -> str:
    """Its service; pages, which are the most, are a part by themselves."""
    return PAGES if is_page(route) else route.service


async def one_of_everybody(cast: Cast, route: Route, role: str, standing: Standing) -> Cell:
    expected = route.policy.answer_to(standing.lacks(role), route.method)
    others = {standing.state: True, "moved": standing.moved,
              "gone": standing.administered_by != "firm"}  # fmt: skip
    if expected == ALLOWED:
        found = [getattr(route, name) for name in UNLIKE if others.get(name)]
        expected = str(next(filter(None, found), ALLOWED))
    return await tried(cast, route, role, expected, f"{role} ({standing})")


def told_too_much(cell: Cell, lacks: Lacks) -> bool:
    """A refusal publishes nothing, and nobody else's answer tells of the company's customer: but the
    audit, to who holds that right in its firm."""
    policy = cell.route.policy
    refused = policy.answer_to(lacks, cell.route.method) != ALLOWED
    if refused and cell.published and not cell.route.refusals_recorded:
        return True
    inside = "company" if "right audit" in policy.demands else "own company"
    return (refused or inside in lacks) and HIDDEN.encode() in cell.answer.body


@asynccontextmanager
async def undone(everybody: Cast) -> AsyncIterator[None]:
    databases = everybody.app.databases.values()
    for database in databases:
        await database.begin()
    try:
        yield
    finally:
        for database in databases:
            await database.undo()
