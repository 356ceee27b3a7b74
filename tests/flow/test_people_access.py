"""Access given and taken in identity, as every service decides by it within two seconds."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest

from deploy.local.broker import Broker
from services.identity.store import privacy
from shared.database import connect
from tests.conftest import DatabaseFactory
from tests.platform import PASSWORD, Person, Platform, platform
from tests.services import eventually

WITHIN = 2.0
"""Seconds from the answer to an edit until it holds everywhere."""
ROUTES = {
    "invoices": [("billing", "/v1/invoices"), ("billing", "/v1/drafts"), ("billing", "/v1/series"),
                 ("delivery", "/v1/deliveries"), ("portal", "/invoices"), ("portal", "/deliveries")],
    "purchases": [("delivery", "/v1/purchases"), ("portal", "/purchases")],
    "statistics": [("portal", "/dashboard")],
    "customers": [("billing", "/v1/customers"), ("portal", "/customers")],
}  # fmt: skip
SWITCHED = ("invoices", "purchases", "peppol", "statistics")
CLOSES = {"peppol": "purchases"}
"""What isn't its own pages: received documents all come over Peppol."""


@pytest.fixture
async def running(
    new_database: DatabaseFactory, kafka_broker: Broker, tmp_path: Path
) -> AsyncIterator[Platform]:
    async with platform(new_database, kafka_broker, tmp_path) as found:
        yield found


async def get(person: Person, service: str, path: str) -> httpx.Response:
    """An API by token, a page by cookies."""
    if service != "portal":
        return await person.at(service).get(path)
    cookies = {"facteur_session": person.session, "facteur_token": person.token}
    async with httpx.AsyncClient(cookies=cookies, timeout=20) as client:
        return await client.get(person.urls["portal"] + path)


async def closed_to(person: Person) -> set[str]:
    """The apps whose every route answers 403; an app with a part of its routes open is an error."""
    closed = set()
    for app, routes in ROUTES.items():
        answers = [(await get(person, *route)).status_code for route in routes]
        assert set(answers) <= {200, 403}, (app, answers)
        if answers == [403] * len(routes):
            closed.add(app)
    return closed


async def soon(
    person: Person, expected: set[str], act: Callable[[], Awaitable[httpx.Response]]
) -> None:
    """After `act` exactly these apps are closed, within two seconds; links say the same."""
    answer = await act()
    assert answer.status_code in (200, 204), answer.text

    async def settled() -> bool:
        return await closed_to(person) == expected

    await eventually(settled, WITHIN, 0.05)
    page = (await get(person, "portal", "/customers")).text
    for app, path in (("invoices", "/invoices"), ("invoices", "/deliveries"),
                      ("purchases", "/purchases"), ("statistics", "/dashboard")):  # fmt: skip
        assert (f'href="{path}"' in page) == (app not in expected), (app, path)


async def test_apps_switched_off_are_gone_for_the_company_and_for_one_employee(
    running: Platform,
) -> None:
    """P7 and D5: app × who switches it × every route of it, in services and pages."""
    biller = await running.biller()
    firm = await running.person((await firm_of(running, biller)).email)
    company = biller.company_id
    api = firm.at("identity")
    users = (await api.get(f"/v1/companies/{company}/users")).json()
    user = f"/v1/companies/{company}/users/{users[0]['user_id']}"

    def company_apps(*apps: str) -> Callable[[], Awaitable[httpx.Response]]:
        return lambda: api.put(f"/v1/companies/{company}/apps", json={"apps": list(apps)})

    def own_apps(*apps: str) -> Callable[[], Awaitable[httpx.Response]]:
        return lambda: api.patch(user, json={"apps": list(apps)})

    assert await closed_to(biller) == set()
    for app in SWITCHED:
        rest = [a for a in SWITCHED if a != app]
        gone = {CLOSES.get(app, app)}
        await soon(biller, gone, company_apps(*rest))
        await soon(biller, set(), company_apps(*SWITCHED))
        await soon(biller, gone, own_apps(*rest))
        await soon(biller, set(), own_apps(*SWITCHED))
    await soon(biller, {"invoices", "purchases", "statistics"}, company_apps())
    promoted = await api.patch(user, json={"role": "owner"})
    assert promoted.status_code == 200
    await soon(biller, {"purchases"}, company_apps("invoices", "statistics"))


LINKS = ("/purchases", "/invoices/new")


async def test_what_a_right_allows_is_gone_with_it(running: Platform) -> None:
    """D10: *invoicing* writes and issues, *document management* decides on what there is."""
    biller = await running.biller()
    api = (await firm_of(running, biller)).at("identity")
    company = f"/v1/companies/{biller.company_id}"
    profiles = (await api.get(f"{company}/profiles")).json()
    profile = next(p for p in profiles if p["name"] == "Gérant")

    async def answers() -> dict[str, int]:
        nothing = UUID(int=0)
        asked = {
            "write": await biller.at("billing").post("/v1/series", json={"prefix": "Z-"}),
            "look": await biller.at("billing").get("/v1/invoices"),
            "resend": await biller.at("delivery").post(f"/v1/deliveries/{nothing}/resend"),
            "received": await biller.at("delivery").get("/v1/purchases"),
            "form": await get(biller, "portal", "/invoices/new"),
        }
        return {name: answer.status_code for name, answer in asked.items()}

    async def holding(*rights: str) -> Callable[[], Awaitable[bool]]:
        body = {"name": "Gérant", "rights": list(rights)}
        path = f"{company}/profiles/{profile['profile_id']}"
        assert (await api.put(path, json=body)).status_code == 200
        writes = 200 if "invoicing" in rights else 403
        keeps = "document_management" in rights

        async def settled() -> bool:
            found = await answers()
            assert found["look"] == 200
            wrote = found["write"] in ((201, 409) if writes == 200 else (403,))
            kept = (found["resend"], found["received"]) == ((404, 200) if keeps else (403, 403))
            return wrote and kept and found["form"] == writes

        return settled

    def linked(*expected: bool) -> Callable[[], Awaitable[bool]]:
        async def same() -> bool:
            page = (await get(biller, "portal", "/invoices")).text
            return tuple(f'href="{path}"' in page for path in LINKS) == expected

        return same

    await eventually(await holding("invoicing", "document_management"), WITHIN, 0.05)
    await eventually(await holding("invoicing"), WITHIN, 0.05)
    await eventually(linked(False, True), WITHIN, 0.05)
    await eventually(await holding("document_management"), WITHIN, 0.05)
    await eventually(linked(True, False), WITHIN, 0.05)
    await eventually(await holding(), WITHIN, 0.05)


async def test_peppol_ways_are_for_whoever_uses_that_app(running: Platform) -> None:
    """P7, D5: without it they are neither shown nor set, and stay as they are."""
    biller = await running.biller()
    api = (await firm_of(running, biller)).at("identity")
    users = (await api.get(f"/v1/companies/{biller.company_id}/users")).json()
    user = f"/v1/companies/{biller.company_id}/users/{users[0]['user_id']}"
    customer = uuid4()
    path, delivery = f"/v1/receptions/{customer}", biller.at("delivery")
    peppol = {"channel": "peppol", "settings": {"participant": "0208:0123456749"}}
    mail = {"channel": "email", "settings": {"to": ["a@example.org"]}}
    assert (await delivery.put(path, json={"ways": [peppol]})).status_code == 200
    await api.patch(user, json={"apps": ["invoices"]})

    async def refused() -> bool:
        return (await delivery.put(path, json={"ways": [peppol]})).status_code == 403

    async def hidden() -> bool:
        return 'name="peppol.on"' not in (await get(biller, "portal", "/customers/new")).text

    await eventually(refused, WITHIN, 0.05)
    assert (await delivery.get(path)).json()["ways"] == []
    await eventually(hidden, WITHIN, 0.05)
    changed = await delivery.put(path, json={"ways": [mail]})
    assert [way["channel"] for way in changed.json()["ways"]] == ["email"]
    nothing_else = await delivery.put(path, json={"ways": []})
    assert (nothing_else.status_code, nothing_else.json()["ways"]) == (200, [])
    await api.patch(user, json={"apps": ["peppol"]})

    async def shown() -> bool:
        ways = (await delivery.get(path)).json()["ways"]
        return [way["target"] for way in ways] == ["0208:0123456749"]

    await eventually(shown, WITHIN, 0.05)

    async def offered() -> bool:
        return not await hidden()

    await eventually(offered, WITHIN, 0.05)
    assert (await delivery.put(path, json={"ways": []})).status_code == 422


async def firm_of(running: Platform, biller: Person) -> Person:
    """The owner of the firm that administers the biller's company."""
    db = await connect(running.databases["identity"].runtime_dsn, max_size=1)
    async with db.system_transaction() as conn:
        email = await conn.fetchval(
            "SELECT u.email FROM app_user u JOIN membership m USING (user_id) "
            "JOIN company c ON c.firm_id = m.company_id WHERE c.company_id = $1",
            biller.company_id,
        )
    await db.close()
    return await running.person(email)


async def owner_of(running: Platform, biller: Person) -> Person:
    """An owner of the biller's company."""
    firm = await firm_of(running, biller)
    body = {"email": f"owner-{biller.company_id}@example.org", "first_name": "O",
            "last_name": "W", "role": "owner"}  # fmt: skip
    api = firm.at("identity")
    made = await api.post(f"/v1/companies/{biller.company_id}/users", json=body)
    secret = {"secret": made.json()["invitation"], "password": "une longue phrase de passe"}
    assert (await api.post("/v1/invitations/accept", json=secret)).status_code == 204
    return await running.person(body["email"])


async def test_an_accountant_has_the_whole_file_until_removed(running: Platform) -> None:
    """D6: full access in every service and page; cut off by the next request."""
    biller = await running.biller()
    owner, other = await owner_of(running, biller), await running.firm()
    path = f"/v1/companies/{biller.company_id}"
    added = await owner.at("identity").post(f"{path}/accountants", json={"email": other.email})
    assert added.status_code == 201, added.text
    accountant = await running.person(other.email, biller.company_id)
    assert await closed_to(accountant) == set()
    removed = await owner.at("identity").delete(f"{path}/users/{added.json()['user_id']}")
    assert removed.status_code == 204
    await refused_everywhere(accountant)


async def test_support_looks_and_changes_nothing_while_the_switch_is_on(
    running: Platform,
) -> None:
    """D7: 403 → 200 → gone; each entry, refusal and end in the audit; never a change."""
    biller = await running.biller()
    owner, colleague = await owner_of(running, biller), await running.firm()
    await make_support(running, colleague.email)
    enter = f"/v1/support/companies/{biller.company_id}"
    switch = f"/v1/companies/{biller.company_id}/privacy"
    api = colleague.at("identity")
    assert (await api.post(enter)).json()["type"] == "urn:facteur:problem:support-closed"
    assert (await api.get("/v1/support/companies")).json() == []
    opened = {"support_access": True, "require_two_factor": False}
    assert (await owner.at("identity").put(switch, json=opened)).status_code == 200
    assert (await api.post(enter)).status_code == 201
    inside = await running.person(colleague.email, biller.company_id)
    assert await closed_to(inside) == set()
    changes = [
        await inside.at("billing").put(f"/v1/customers/{UUID(int=1)}", json={}),
        await inside.at("delivery").put(f"/v1/receptions/{UUID(int=1)}", json={}),
        await inside.at("identity").put(
            f"/v1/companies/{biller.company_id}/apps", json={"apps": []}
        ),
    ]
    assert {c.status_code for c in changes} == {403}
    assert {c.json()["type"] for c in changes} == {"urn:facteur:problem:support-reads-only"}

    async def announced() -> bool:
        return "Odile Martin" in (await get(biller, "portal", "/customers")).text

    await eventually(announced, WITHIN)
    closed = {"support_access": False, "require_two_factor": False}
    assert (await owner.at("identity").put(switch, json=closed)).status_code == 200
    await refused_everywhere(inside)
    actions = await recorded(running, biller.company_id)
    assert [a for a in actions if a.startswith(("support", "privacy"))] == [
        "support_refused", "privacy_changed", "support_entered", "support_active", "privacy_changed",
    ]  # fmt: skip


async def test_a_session_that_ends_is_refused_by_every_service(running: Platform) -> None:
    """D14: signed out, and ended from another session."""
    biller = await running.biller()
    other = await running.person(biller.email)
    assert await closed_to(other) == set()
    assert (await biller.at("identity").delete("/v1/me/sessions")).json() == {"ended": 1}
    await refused_everywhere(other)
    assert await closed_to(biller) == set()


async def test_a_company_that_requires_a_second_factor_is_closed_everywhere_to_who_has_none(
    running: Platform,
) -> None:
    """D8: within two seconds, in the sessions that are open; the other companies stay open."""
    biller = await running.biller()
    owner, other = await owner_of(running, biller), await running.firm()
    path = f"/v1/companies/{biller.company_id}"
    added = await owner.at("identity").post(f"{path}/accountants", json={"email": other.email})
    assert added.status_code == 201, added.text
    accountant = await running.person(other.email, biller.company_id)
    assert await closed_to(accountant) == set()
    required = {"support_access": False, "require_two_factor": True}
    answer = await owner.at("identity").put(f"{path}/privacy", json=required)
    assert answer.status_code == 200, answer.text

    async def enrolment_only() -> bool:
        apis = [("billing", "/v1/customers"), ("delivery", "/v1/deliveries")]
        answers = await asyncio.gather(
            *(get(who, *api) for api in apis for who in (biller, owner, accountant))
        )
        if {a.status_code for a in answers} != {403}:
            return False
        assert {a.json()["type"] for a in answers} == {
            "urn:facteur:problem:second-factor-enrolment"
        }
        page = await get(accountant, "portal", "/customers")
        return str(page.headers.get("location")).startswith("/me/security")

    await eventually(enrolment_only, WITHIN, 0.05)
    assert (await other.at("identity").get("/v1/companies")).status_code == 200
    assert (await get(other, "portal", "/companies")).status_code == 200


async def test_a_revoked_key_is_refused_by_every_service(running: Platform) -> None:
    """D14: its tokens too, within two seconds."""
    biller = await running.biller()
    owner = await owner_of(running, biller)
    api = owner.at("identity")
    users = (await api.get(f"/v1/companies/{biller.company_id}/users")).json()
    own = f"/v1/companies/{biller.company_id}/users"
    lucs = next(u["user_id"] for u in users if u["email"] == biller.email)
    assert (await api.patch(f"{own}/{lucs}", json={"role": "owner"})).status_code == 200
    maker = await running.person(biller.email)
    wanted = {"name": "ERP", "scopes": ["read"], "password": PASSWORD}
    made = (await maker.at("identity").post("/v1/api-keys", json=wanted)).json()
    secret = {"Authorization": f"ApiKey {made['secret']}"}
    async with httpx.AsyncClient(base_url=running.urls["identity"]) as client:
        token = (await client.post("/v1/api-keys/token", headers=secret)).json()["access_token"]
    key = Person(token, biller.company_id, "", running.urls)
    apis = [("billing", "/v1/customers"), ("delivery", "/v1/deliveries")]

    async def all_answer(status: int) -> bool:
        answers = [(await key.at(service).get(path)).status_code for service, path in apis]
        audit = f"/api/v1/companies/{biller.company_id}/audit"
        return {*answers, (await key.at("portal").get(audit)).status_code} == {status}

    assert await all_answer(200)
    gone = await maker.at("identity").delete(f"/v1/api-keys/{made['key_id']}")
    assert gone.status_code == 204
    await eventually(lambda: all_answer(401), WITHIN, 0.05)
    await key.close()


async def refused_everywhere(person: Person) -> None:
    """Every API says 401 within two seconds, and no page shows anything."""

    async def refused() -> bool:
        apis = [("billing", "/v1/customers"), ("delivery", "/v1/deliveries")]
        answers = await asyncio.gather(*(get(person, *api) for api in apis))
        page = await get(person, "portal", "/customers")
        return {a.status_code for a in answers} == {401} and page.status_code == 303

    await eventually(refused, WITHIN, 0.05)


async def make_support(running: Platform, email: str) -> None:
    """What `facteur support EMAIL` does."""
    db = await connect(running.databases["identity"].runtime_dsn, max_size=1)
    async with db.system_transaction() as conn:
        assert await privacy.make_support(conn, email)
    await db.close()


async def recorded(running: Platform, company: UUID) -> list[str]:
    """The actions that identity told of about one company, in their order."""
    db = await connect(running.databases["identity"].runtime_dsn, max_size=1)
    rows = await db.pool.fetch(
        "SELECT convert_from(payload, 'UTF8')::jsonb AS event FROM outbox "
        "WHERE topic = 'action.recorded' ORDER BY position"
    )
    await db.close()
    return [r["event"]["action"] for r in rows if r["event"]["company_id"] == str(company)]


async def test_a_company_that_nobody_administers_opens_its_own_facturation(
    running: Platform,
) -> None:
    """Self-registered: its owner goes through the same preconditions and warning; others don't."""
    from tests.integration.portal.conftest import pages_of
    from tests.platform import SELLER

    owner, stranger = await running.register(SELLER), await running.register(SELLER)
    pages, other = await pages_of(running, owner), await pages_of(running, stranger)
    path = f"/companies/{owner.company_id}/billing"
    profile = await owner.at("identity").get(f"/v1/companies/{owner.company_id}/profiles")
    chosen = next(p["profile_id"] for p in profile.json() if p["name"] == "Gérant")
    order = {"enabled": "on", "profile": chosen}
    assert (await pages.post(f"{path}/warning", **order)).status_code == 409
    await running.subscribe(owner.company_id, "invoicing")
    warned = await pages.post(f"{path}/warning", **order)
    assert warned.status_code == 200
    assert owner.email in warned.text
    token = warned.text.split('name="preview" value="')[1].split('"')[0]
    for answer in (
        await other.get(path),
        await other.post(f"{path}/warning", **order),
        await other.post(path, **order, preview=token),
    ):
        assert answer.status_code == 404
    assert (await pages.post(path, **order, preview="stale")).status_code == 409
    assert await closed_to(owner) == set(ROUTES)
    assert (await pages.post(path, **order, preview=token)).status_code == 303

    async def opened() -> bool:
        return await closed_to(owner) == set()

    await eventually(opened, WITHIN)
    off = await pages.post(f"{path}/warning")
    token = off.text.split('name="preview" value="')[1].split('"')[0]
    assert (await pages.post(path, preview=token)).status_code == 303

    async def closed() -> bool:
        return await closed_to(owner) == set(ROUTES)

    await eventually(closed, WITHIN)
