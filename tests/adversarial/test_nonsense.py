"""What no browser would send in a field of a form: an answer, never an error of ours."""

import pytest

from tests.adversarial.conftest import World
from tests.adversarial.test_forms import filled, forms
from tests.matrix.source import Route

ENDS_THE_SESSION = ("/sign-out", "/me/leave")
NONSENSE = ("²", "٣", "-1", "9" * 400, "\x00", "1e999", "😀", "{{7*7}}", "NaN")


@pytest.mark.parametrize(
    "route", [r for r in forms() if r.path not in ENDS_THE_SESSION], ids=lambda r: r.path
)
async def test_nonsense_in_any_field_is_answered_not_failed_over(
    world: World, route: Route
) -> None:
    person, path, fields = filled(route, world.cast)
    hidden = world.form(person)
    for name in fields:
        for nonsense in NONSENSE:
            told = hidden | fields | {name: nonsense}
            answer = await world.page("POST", path, person, told)
            assert answer.status < 500, (name, nonsense, answer.body[-300:])


EXTRA = {
    "/companies/{company_id}/subscription": ("more", "version"),
    "/companies/{company_id}/api-keys": ("days",),
    "/drafts/{draft_id}": ("action", "version", "line.0.price", "line.0.quantity", "due_date"),
}


@pytest.mark.parametrize("route", [r for r in forms() if r.path in EXTRA], ids=lambda r: r.path)
async def test_nonsense_where_a_number_is_meant(world: World, route: Route) -> None:
    """Also in fields that the table's example leaves out."""
    person, path, fields = filled(route, world.cast)
    for name in EXTRA[route.path]:
        for nonsense in (*NONSENSE, "remove:²", "remove:" + "9" * 5000):
            told = world.form(person) | fields | {name: nonsense}
            answer = await world.page("POST", path, person, told)
            assert answer.status < 500, (name, nonsense, answer.body[-300:])
