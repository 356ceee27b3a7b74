"""Every route × every kind of person answers as docs/access-matrix.toml says, and tells nothing else."""

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from tests.matrix.document import written
from tests.matrix.people import HIDDEN, Cast
from tests.matrix.source import ALLOWED, DOCUMENT, SERVICES, source
from tests.matrix.trying import REFUSALS, told, tried

HOW_ONE_SIGNED_IN = ("person", "change", "enrolment")
OUTSIDE = ("nobody", "signed out", "not enrolled", "outsider", "other firm", "firm's employee")
"""Whatever they are answered, the company's customer isn't in it."""


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


def test_whoever_is_listed_differs_by_how_he_signed_in_and_by_nothing_else() -> None:
    """What depends on a right, an app, a profile or a company is said as demands, so that everybody
    is made for it. But that a company's only owner stays is none of these."""
    listed = [p for p in source().policies.values() if not p.generated]
    differ = set()
    for policy in listed:
        answers: dict[tuple[bool | str, ...], set[str]] = {}
        for name, person in source().people.items():
            signed_in = ("session" not in person.lacks) or name
            kind = (signed_in, *(thing in person.lacks for thing in HOW_ONE_SIGNED_IN))
            answers.setdefault(kind, set()).add(policy.answers[name])
        if any(len(found) > 1 for found in answers.values()):
            differ.add(policy.name)
    assert len(listed) > 5
    assert differ == {"leave the company"}


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
