"""What isn't given isn't reached (D5, D10, P7): apps and rights, one at a time, by services and pages alike."""

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.adversarial.conftest import World
from tests.matrix.people import Person

APPS = ("invoices", "purchases", "peppol", "statistics")
APIS = {
    "invoices": [("billing", "/v1/invoices"), ("billing", "/v1/drafts"), ("delivery", "/v1/deliveries")],
    "purchases": [("delivery", "/v1/purchases")],
}  # fmt: skip
PAGES = {"/invoices": "invoices", "/deliveries": "invoices", "/purchases": "purchases",
         "/dashboard": "statistics", "/customers": "customers"}  # fmt: skip
CLOSES = {"peppol": "purchases"}
"""What isn't its own pages: received documents all come over Peppol."""


async def settled(world: World, path: str, method: str, body: dict[str, Any]) -> None:
    """The owner changes something, and everybody hears of it."""
    answer = await world.api("identity", method, path, world.person("owner"), body)
    assert answer.status == 200, answer.body
    await world.cast.app.tell()


async def open_to(world: World, person: Person) -> set[str]:
    """The apps that open, by addresses and by links; each is open with all of its parts, or closed."""
    found: dict[str, set[bool]] = {}
    for app, routes in APIS.items():
        for service, path in routes:
            status = (await world.api(service, "GET", path, person)).status
            assert status in (200, 403), (path, status)
            found.setdefault(app, set()).add(status == 200)
    menu = (await world.page("GET", "/customers", person)).body.decode()
    for path, app in PAGES.items():
        status = (await world.page("GET", path, person)).status
        assert status in (200, 403), (path, status)
        found.setdefault(app, set()).update((status == 200, f'href="{path}"' in menu))
    assert {len(ways) for ways in found.values()} == {1}, found
    return {app for app, ways in found.items() if ways == {True}}


@pytest.mark.parametrize("off", APPS)
async def test_an_app_that_is_off_opens_nowhere(world: World, off: str) -> None:
    """For one employee, and for the whole company; customers are there always."""
    things, employee = world.things(), world.person("employee")
    company = f"/v1/companies/{things['company_id']}"
    me = json.loads((await world.api("identity", "GET", "/v1/me", employee)).body)
    user = f"{company}/users/{me['user_id']}"
    everything = {"invoices", "purchases", "statistics", "customers"}
    rest = [app for app in APPS if app != off]
    assert await open_to(world, employee) == everything
    await settled(world, user, "PATCH", {"apps": rest})
    assert await open_to(world, employee) == everything - {CLOSES.get(off, off)}
    await settled(world, user, "PATCH", {"apps": list(APPS)})
    await settled(world, f"{company}/apps", "PUT", {"apps": rest})
    assert await open_to(world, employee) == everything - {CLOSES.get(off, off)}
    await settled(world, f"{company}/apps", "PUT", {"apps": []})
    assert await open_to(world, employee) == {"customers"}


@pytest.mark.parametrize(
    "rights", [(), ("invoicing",), ("document_management",), ("invoicing", "document_management")]
)
async def test_a_right_opens_what_it_says_and_no_more(
    world: World, rights: tuple[str, ...]
) -> None:
    employee, company = world.person("employee"), f"/v1/companies/{world.things()['company_id']}"
    users = await world.api("identity", "GET", f"{company}/users", world.person("owner"))
    line = next(u for u in json.loads(users.body) if u["email"] == employee.email)
    profile = f"{company}/profiles/{line['profile_id']}"
    await settled(world, profile, "PUT", {"name": "Gérant", "rights": list(rights)})
    series = {"prefix": "Z-"}
    resend = f"/v1/deliveries/{uuid4()}/resend"
    found = {
        "look": (await world.api("billing", "GET", "/v1/invoices", employee)).status,
        "write": (await world.api("billing", "POST", "/v1/series", employee, series)).status,
        "resend": (await world.api("delivery", "POST", resend, employee)).status,
        "received": (await world.api("delivery", "GET", "/v1/purchases", employee)).status,
        "new": (await world.page("GET", "/invoices/new", employee)).status,
        "cancel": (
            await world.page(
                "POST", f"/deliveries/{uuid4()}/cancel", employee, world.form(employee)
            )
        ).status,
    }
    writes, keeps = "invoicing" in rights, "document_management" in rights
    assert found == {
        "look": 200, "write": 201 if writes else 403, "new": 200 if writes else 403,
        "resend": 404 if keeps else 403, "received": 200 if keeps else 403,
        "cancel": 404 if keeps else 403,
    }  # fmt: skip


async def test_support_staff_send_no_form_of_the_file_they_look_into(world: World) -> None:
    support = world.person("support, let in")
    before = await world.written()
    for path in ("/customers/new", f"/companies/{support.company_id}/users/new"):
        fields = world.form(support) | {"name": "X"}
        answer = await world.page("POST", path, support, fields)
        assert (answer.status, await world.written()) == (403, before), path
    assert (await world.page("GET", "/customers", support)).status == 200
