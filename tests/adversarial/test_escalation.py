"""More than one may: other companies' things in bodies, rights that one doesn't hold, fields that
nobody asked for."""

import json
from string import Template
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest

from tests.adversarial.conftest import World
from tests.matrix.asgi import request
from tests.matrix.source import ALLOWED, Route, source
from tests.matrix.trying import tried
from tests.platform import PASSWORD

# horizontal: the ids of another company where a body or a query takes ids


async def test_another_companys_customer_or_series_is_in_no_draft_of_mine(world: World) -> None:
    outsider, theirs = world.person("outsider"), world.things()
    customer = str(uuid4())
    made = await world.api("billing", "PUT", f"/v1/customers/{customer}", outsider,
                           json.loads(theirs["buyer"]) | {"name": "Le mien"})  # fmt: skip
    assert made.status == 200
    content = json.loads(theirs["content"])
    mine = {"customer_id": customer, "content": content}
    assert (await world.api("billing", "POST", "/v1/drafts", outsider, mine)).status == 201
    for smuggled in (
        {"customer_id": theirs["customer_id"]},
        {"series_id": theirs["series_id"]},
        {"draft_id": theirs["draft_id"]},
    ):
        answer = await world.api("billing", "POST", "/v1/drafts", outsider,
                                 mine | {"draft_id": str(uuid4())} | smuggled)  # fmt: skip
        assert answer.status in (404, 409, 422), smuggled
    kept = await world.api(
        "billing", "GET", f"/v1/drafts/{theirs['draft_id']}", world.person("owner")
    )
    assert json.loads(kept.body)["customer_id"] == theirs["customer_id"]


async def test_a_series_of_others_is_answered_like_one_that_there_isnt(world: World) -> None:
    """When the draft is kept, by the field's name; also when it is posted as UBL."""
    outsider, owner, theirs = world.person("outsider"), world.person("owner"), world.things()
    customer, buyer = str(uuid4()), json.loads(theirs["buyer"])
    await world.api("billing", "PUT", f"/v1/customers/{customer}", outsider, buyer)
    path = f"/v1/invoices/{theirs['invoice_id']}/original"
    document = (await world.api("billing", "GET", path, owner)).body
    notes = await world.api(
        "billing", "POST", "/v1/series", outsider, {"prefix": "N-", "kind": "credit_note"}
    )
    refusals = []
    for series in (theirs["series_id"], str(uuid4()), json.loads(notes.body)["series_id"]):
        mine = {"customer_id": customer, "series_id": series}
        headers = {"authorization": outsider.bearer, "content-type": "application/xml"}
        refusals += [
            await world.api("billing", "POST", "/v1/drafts", outsider,
                            mine | {"content": json.loads(theirs["content"])}),
            await request(world.apps["billing"], "POST", f"/v1/drafts/ubl?{urlencode(mine)}",
                          headers, document),
        ]  # fmt: skip
    told = [json.loads(answer.body) for answer in refusals]
    assert {answer.status for answer in refusals} == {422}
    assert [[e["field"] for e in said["errors"]] for said in told] == [["series_id"]] * 6
    assert len({json.dumps({**said, "trace_id": ""}) for said in told}) == 1
    assert json.loads((await world.api("billing", "GET", "/v1/drafts", outsider)).body) == []


@pytest.mark.parametrize(
    ("service", "path"),
    [
        ("billing", "/v1/invoices?customer_id=$customer_id"),
        ("delivery", "/v1/deliveries?invoice_id=$invoice_id"),
    ],
)
async def test_filters_find_nothing_of_others(world: World, service: str, path: str) -> None:
    target = Template(path).substitute(world.things())
    found = await world.api(service, "GET", target, world.person("outsider"))
    assert (found.status, json.loads(found.body)) == (200, [])
    assert json.loads((await world.api(service, "GET", target, world.person("owner"))).body)


async def test_facturation_takes_profiles_of_the_company_alone(world: World) -> None:
    firm, company = world.person("firm"), world.things()["company_id"]
    other = world.things("owner, facturation off")["profile_id"]
    answer = await world.api(
        "portal", "POST", f"/api/v1/companies/{company}/portal/billing/preview", firm,
        {"enabled": True, "profile_ids": [other]},
    )  # fmt: skip
    assert answer.status == 422, answer.body


async def test_a_profile_of_another_company_is_given_to_nobody(world: World) -> None:
    things, other = world.things(), world.things("owner, facturation off")["profile_id"]
    path = f"/v1/companies/{things['company_id']}/users/{things['user_id']}"
    answer = await world.api(
        "identity", "PATCH", path, world.person("owner"), {"profile_id": other}
    )
    assert answer.status in (404, 422)


# vertical: rights


async def change(world: World, by: str, user_id: str, **changes: Any) -> int:
    path = f"/v1/companies/{world.things()['company_id']}/users/{user_id}"
    return (await world.api("identity", "PATCH", path, world.person(by), changes)).status


async def user_id_of(world: World, name: str) -> str:
    me = await world.api("identity", "GET", "/v1/me", world.person(name))
    return str(json.loads(me.body)["user_id"])


@pytest.mark.parametrize("by", ["owner", "user manager", "employee"])
async def test_nobody_changes_himself_among_the_users(world: World, by: str) -> None:
    own = await user_id_of(world, by)
    tried_on: list[dict[str, Any]] = [
        {"rights": ["mass_deployment"]},
        {"role": "owner"},
        {"apps": []},
    ]
    for changes in tried_on:
        assert await change(world, by, own, **changes) == 403


@pytest.mark.parametrize(
    "changes",
    [
        {"rights": ["mass_deployment"]}, {"rights": ["user_management", "audit"]},
        {"rights": ["invoicing"]}, {"role": "owner"},
    ],
    ids=str,
)  # fmt: skip
async def test_a_user_manager_grants_nothing_that_he_lacks(
    world: World, changes: dict[str, Any]
) -> None:
    assert await change(world, "user manager", world.things()["user_id"], **changes) == 403


async def test_nor_by_way_of_a_profile(world: World) -> None:
    things = world.things()
    assert await change(
        world, "user manager", things["user_id"], profile_id=things["unused_profile"]
    ) == 403  # fmt: skip
    path = f"/v1/companies/{things['company_id']}/profiles"
    body = {"name": "Tout", "rights": ["audit", "invoicing"]}
    manager = world.person("user manager")
    assert (await world.api("identity", "POST", path, manager, body)).status == 403
    assert (
        await world.api("identity", "PUT", f"{path}/{things['profile_id']}", manager, body)
    ).status == 403


async def test_nor_by_making_an_owner_of_a_friend(world: World) -> None:
    things = world.things()
    body = {"email": "ami@example.org", "first_name": "A", "last_name": "Mi", "role": "owner"}
    answer = await world.api("identity", "POST", f"/v1/companies/{things['company_id']}/users",
                             world.person("user manager"), body)  # fmt: skip
    assert answer.status == 403, answer.body
    body |= {"role": "employee", "profile_id": things["unused_profile"]}
    answer = await world.api("identity", "POST", f"/v1/companies/{things['company_id']}/users",
                             world.person("user manager"), body)  # fmt: skip
    assert answer.status == 403, answer.body


async def test_nor_by_the_link_of_somebody_whom_he_couldn_t_have_invited(world: World) -> None:
    """Without a mail server, whoever invites again is shown the link; it opens what was offered."""
    manager, owner = world.person("user manager"), world.person("owner")
    users = f"/v1/companies/{manager.company_id}/users"
    body = {"first_name": "A", "last_name": "B"}
    profile = next(p["profile_id"] for p in await profiles_of(world) if p["name"] == "Gérant")
    for offered, slug in (
        ({"role": "owner"}, "owners-by-owners"),
        ({"role": "employee", "profile_id": profile}, "not-yours-to-give"),
    ):
        invited = await world.api("identity", "POST", users, owner,
                                  body | offered | {"email": f"{uuid4().hex}@example.org"})  # fmt: skip
        path = f"{users}/{json.loads(invited.body)['user_id']}/invitation"
        answer = await world.api("identity", "POST", path, manager)
        assert (answer.status, json.loads(answer.body)["type"].rpartition(":")[2]) == (403, slug)
        assert (await world.api("identity", "POST", path, owner)).status == 200
    his = await world.api("identity", "POST", users, manager,
                          body | {"email": "le-sien@example.org", "role": "employee"})  # fmt: skip
    again = f"{users}/{json.loads(his.body)['user_id']}/invitation"
    assert (await world.api("identity", "POST", again, manager)).status == 200


async def profiles_of(world: World) -> list[dict[str, Any]]:
    path = f"/v1/companies/{world.person('owner').company_id}/profiles"
    found: list[dict[str, Any]] = json.loads(
        (await world.api("identity", "GET", path, world.person("owner"))).body
    )
    return found


async def test_rights_and_scopes_are_kept_once_however_often_they_are_sent(world: World) -> None:
    """What is told to every service doesn't grow with what somebody sends."""
    owner, things = world.person("owner"), world.things()
    company = f"/v1/companies/{owner.company_id}"
    many = ["audit", "invoicing"] * 5_000
    changed = await world.api(
        "identity", "PATCH", f"{company}/users/{things['user_id']}", owner, {"rights": many}
    )
    made = await world.api(
        "identity", "POST", f"{company}/profiles", owner, {"name": "Deux", "rights": many}
    )
    assert (
        json.loads(changed.body)["rights"]
        == json.loads(made.body)["rights"]
        == ["invoicing", "audit"]
    )
    key = {"name": "ERP", "scopes": ["write", "read"] * 5_000, "days": 1, "password": PASSWORD}
    kept = json.loads((await world.api("identity", "POST", "/v1/api-keys", owner, key)).body)
    assert kept["scopes"] == ["read", "write"]


async def test_no_field_of_a_company_is_longer_than_a_document_can_print(world: World) -> None:
    owner = world.person("owner")
    path = f"/v1/companies/{owner.company_id}"
    legal = json.loads((await world.api("identity", "GET", path, owner)).body)["company"]
    before, long = await world.written(), "x" * 201
    for name in legal:
        wrong = legal | {name: long}
        if name == "address":
            wrong = legal | {name: legal[name] | {"city": long}}
        answer = await world.api("identity", "PUT", f"{path}/legal-information", owner, wrong)
        fields = [e["field"] for e in json.loads(answer.body)["errors"]]
        assert (answer.status, fields) == (422, ["address.city" if name == "address" else name])
    assert await world.written() == before


async def test_nor_does_he_take_the_owners_place(world: World) -> None:
    owner = await user_id_of(world, "owner")
    assert await change(world, "user manager", owner, role="employee") in (403, 409)
    path = f"/v1/companies/{world.things()['company_id']}/users/{owner}"
    removed = await world.api("identity", "DELETE", path, world.person("user manager"))
    assert removed.status in (403, 409)


async def test_mass_deployment_is_for_firms(world: World) -> None:
    assert await change(
        world, "owner", world.things()["user_id"], rights=["mass_deployment"]
    ) == 403  # fmt: skip


@pytest.mark.parametrize("scopes", [["read", "write"], ["read"]])
async def test_a_key_makes_no_key(world: World, scopes: list[str]) -> None:
    body = {"name": "x", "scopes": scopes, "days": 700, "password": PASSWORD}
    key = world.person("key: read, write")
    assert (await world.api("identity", "POST", "/v1/api-keys", key, body)).status == 403


async def test_a_scope_that_doesnt_exist_is_refused(world: World) -> None:
    body = {"name": "x", "scopes": ["read", "admin"], "password": PASSWORD}
    owner = world.person("owner")
    assert (await world.api("identity", "POST", "/v1/api-keys", owner, body)).status == 422


# mass assignment: fields that a request has no business to set

PLANTED = {
    "company_id": str(uuid4()), "user_id": str(uuid4()), "role": "owner", "kind": "firm",
    "rights": ["mass_deployment"], "apps": ["invoices"], "is_support": True, "active": True,
    "version": 99, "state": "delivered", "number": "F-999999", "invoice_id": str(uuid4()),
    "firm_id": str(uuid4()), "require_2fa": False, "support_access": True, "scopes": ["write"],
    "email": "planted@example.org", "password_hash": "x", "issued_by": "user:x",
}  # fmt: skip


def bodies() -> list[Route]:
    return [
        r for r in source().routes
        if r.body.startswith(("{", "$buyer")) and r.policy.name != "open"
    ]  # fmt: skip


@pytest.mark.parametrize("route", bodies(), ids=lambda r: f"{r.service} {r.name}")
async def test_fields_that_a_route_doesnt_take_are_refused_by_name(
    world: World, route: Route
) -> None:
    from dataclasses import replace

    name = next(p for p, a in route.answers().items() if a == ALLOWED)
    things = world.cast.things[name]
    body = json.loads(Template(route.body).substitute(things))
    await world_undone(world)
    try:
        for field, value in PLANTED.items():
            if field in body or (route.name, field) in TAKEN:
                continue
            planted = replace(
                route, body=json.dumps(body | {field: value}).replace("$", "$$"), content_type=""
            )
            cell = await tried(world.cast, planted, name)
            assert cell.answer.status == 422, (field, cell.answer.status, cell.answer.body[:200])
            assert field.encode() in cell.answer.body
    finally:
        await world_begun(world)


USERS = "/v1/companies/{company_id}/users"
TAKEN = {
    (f"PATCH {USERS}/{{user_id}}", "role"),
    (f"PATCH {USERS}/{{user_id}}", "rights"),
    (f"POST {USERS}", "apps"),
    ("POST /v1/sessions/current/companies", "kind"),
    ("POST /v1/companies", "email"),
    ("PUT /v1/companies/{company_id}/legal-information", "email"),
    ("PUT /v1/customers/{customer_id}", "email"),
    ("POST /v1/drafts", "kind"),
    ("POST /v1/series", "kind"),
    ("PATCH /v1/series/{series_id}", "version"),
    ("POST /v1/sessions/current/token", "company_id"),
}
"""What a route does take, judged by itself elsewhere."""


async def world_undone(world: World) -> None:
    for database in world.cast.app.databases.values():
        await database.undo()


async def world_begun(world: World) -> None:
    for database in world.cast.app.databases.values():
        await database.begin()


async def test_a_form_sets_what_it_shows_and_nothing_else(world: World) -> None:
    employee = world.person("employee, other profile")
    before = await world.api("identity", "GET", "/v1/me", employee)
    planted = {"first_name": "Luc", "last_name": "Petit", "language": "fr", "role": "owner",
               "rights": "mass_deployment", "email": "planted@example.org", "is_support": "on",
               "company_id": str(uuid4())}  # fmt: skip
    answer = await world.page("POST", "/me", employee, world.form(employee) | planted)
    assert answer.status == 303
    after = await world.api("identity", "GET", "/v1/me", employee)
    assert json.loads(after.body) == json.loads(before.body)
    listed = await world.api("identity", "GET", f"/v1/companies/{employee.company_id}/users",
                             world.person("owner"))  # fmt: skip
    mine = next(u for u in json.loads(listed.body) if u["email"] == employee.email)
    assert mine["role"] == "employee"
    assert mine["rights"] == []
