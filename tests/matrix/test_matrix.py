"""Every route × every kind of person answers as docs/access-matrix.toml says, and tells nothing else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import product

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from deploy.local import postgres
from tests.conftest import DatabaseFactory
from tests.matrix.document import written
from tests.matrix.everybody import ROLES, Standing, standings
from tests.matrix.hearing import hear
from tests.matrix.people import HIDDEN, Cast
from tests.matrix.source import ALLOWED, DOCUMENT, SERVICES, Route, source
from tests.matrix.stage import staged
from tests.matrix.trying import REFUSALS, Cell, tried

OUTSIDE = ("nobody", "signed out", "not enrolled", "outsider", "other firm", "firm's employee")
"""Whatever they are answered, the company's customer isn't in it."""


@pytest.fixture(scope="module")
async def everybody(
    postgres_server: postgres.PostgresServer,
    migrated_template: DatabaseFactory,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Cast]:
    folder = tmp_path_factory.mktemp("matrix")
    async with staged(postgres_server, migrated_template, "matrix", folder) as found:
        yield found


def routes_of(app: FastAPI) -> set[str]:
    """Every route that the application has, by method."""
    found: set[str] = set()
    for route in iter_route_contexts(app.routes):
        if route.path and not route.path.startswith("/static/"):
            found |= {f"{m} {route.path}" for m in route.methods or () if m != "HEAD"}
    return found


def test_the_table_names_every_route_and_no_other(everybody: Cast) -> None:
    lacking, gone = [], []
    for service in SERVICES:
        there = routes_of(everybody.app.apps[service])
        named = {route.address for route in source().routes if route.service == service}
        lacking += [f'[{service}] "{name}" = "…"' for name in sorted(there - named)]
        gone += [f'[{service}] "{name}"' for name in sorted(named - there)]
    assert lacking == [], "docs/access-matrix.toml lacks:\n" + "\n".join(lacking)
    assert gone == [], "docs/access-matrix.toml names what there isn't:\n" + "\n".join(gone)


def test_the_people_are_those_of_the_table(everybody: Cast) -> None:
    assert set(everybody.people) == set(source().people)


def test_the_document_is_what_the_source_says() -> None:
    assert DOCUMENT.read_text("utf-8") == written(source()), "run: .venv/bin/python -m tests.matrix"


@pytest.mark.parametrize("service", SERVICES)
async def test_services_answer_as_the_table_says(everybody: Cast, service: str) -> None:
    await everybody.renew()
    cells = [
        await tried(everybody, route, person)
        for route in source().routes
        if route.service == service
        for person in source().people
    ]
    wrong = [cell for cell in cells if not cell.right]
    assert wrong == [], told(wrong)
    for cell in cells:
        if cell.expected != ALLOWED and not cell.route.refusals_recorded:
            assert cell.published == 0, f"a refusal published something: {told([cell])}"
        if cell.person in OUTSIDE or cell.found in REFUSALS:
            assert HIDDEN.encode() not in cell.answer.body, f"told an outsider: {told([cell])}"


async def test_everybody_there_can_be_is_answered_by_what_the_policy_asks(everybody: Cast) -> None:
    asked: dict[Standing, list[Route]] = {}
    for route in source().routes:
        if route.policy.demands:
            for standing in standings(route.policy):
                asked.setdefault(standing, []).append(route)
    wrong, tries, through = [], 0, set()
    for standing, routes in asked.items():
        await everybody.renew()
        async with undone(everybody):
            await hear(everybody, standing)
            for route, role in product(routes, ROLES):
                expected = route.policy.answer_to(standing.lacks(role), route.method)
                if expected == ALLOWED and standing.company == "incomplete" and route.incomplete:
                    expected = str(route.incomplete)
                cell = await tried(everybody, route, role, expected, f"{role} ({standing})")
                tries += 1
                if not cell.right or (expected != ALLOWED and cell.published):
                    wrong.append(cell)
                elif expected == ALLOWED:
                    through.add(route.name)
                elif HIDDEN.encode() in cell.answer.body:
                    wrong.append(cell)
    assert wrong == [], told(wrong)
    assert tries > 5000
    assert through == {route.name for route in source().routes if route.policy.demands}


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


def told(wrong: list[Cell]) -> str:
    """The cells that are wrong, by route, with what the service said to the first of them."""
    groups: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in wrong:
        expected = cell.expected if cell.expected != "yes" else f"yes ({cell.route.answer})"
        groups.setdefault((cell.route.name, cell.found, expected), []).append(cell)
    lines = []
    for (name, found, expected), cells in groups.items():
        body = cells[0].answer.body[:300].decode(errors="replace").replace("\n", " ")
        who = ", ".join(cell.person for cell in cells)
        lines.append(f"{name}: {found}, not {expected}, for {who}\n      {body}")
    return f"{len(wrong)} cells are wrong\n" + "\n".join(lines)
