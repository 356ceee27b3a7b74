"""Every page in its states: what the portal answers to the people of the access matrix.

Pages come from the matrix, a line of which every route needs: whoever may look looks, and each form is
sent so that it is refused, or goes on to a page. What takes more than a request stands in `further`.
"""

import json
import time
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pyotp

from services.portal.commands.activation import set_subscription
from shared.database import Connection
from shared.events import Actor
from tests.matrix.asgi import Answer, request
from tests.matrix.people import Cast, Person
from tests.matrix.source import ALLOWED, Policy, Route, source
from tests.matrix.trying import tried
from tests.platform import PASSWORD

LOOKERS = ("owner", "firm", "employee", "support, let in", "not enrolled", "nobody")
"""Who looks first; whoever comes first and may."""


@dataclass(frozen=True)
class State:
    """A request by somebody, and the status of the page that it leads to."""

    route: str
    person: str
    status: int
    query: str = ""
    body: str = ""
    name: str = ""

    @property
    def called(self) -> str:
        return self.name or f"{self.route}{self.query} of {self.person}"


def is_page(name: str) -> bool:
    """Not the API, not what a machine asks for."""
    path = name.split(" ", 1)[1]
    return not path.startswith(("/api/", "/health", "/openapi", "/static"))


def of_the_matrix() -> list[State]:
    """A state for each route that somebody gets a page of."""
    found = []
    for route in source().routes:
        looker = next((p for p in LOOKERS if route.answer_to(p) == ALLOWED), None)
        if route.service == "portal" and is_page(route.name) and looker and route.answer != 303:
            found.append(State(route.name, looker, route.answer, route.query, route.body))
    return found


def further(things: dict[str, str]) -> list[State]:
    """States that need more than the matrix asks for, by what a person would call them."""
    company = "company=$company_id"
    profile = f"{company}&enabled=on&profile=$profile_id"
    draft = "action={}&version=1&customer_id=$customer_id&line_name=&line_quantity=x&line_price=&line_vat=S:21"
    return [
        State("GET /nowhere", "owner", 404, name="404"),
        State("GET /nowhere", "nobody", 404, name="404 of nobody"),
        State("GET /invoices", "employee, other profile", 403, name="403, facturation not open"),
        State("GET /companies/{company_id}/api-keys", "employee", 403, name="403, owners only"),
        State("POST /me", "owner", 409, body=f"_company={uuid4()}", name="409, another company"),
        State("POST /dashboard", "owner", 405, name="405"),
        State("GET /", "owner", 303, name="home"),
        State("GET /welcome", "employee, other profile", 200, name="welcome, nothing open"),
        State("GET /working-company", "accountant", 200, name="chooser"),
        State("GET /working-company", "not enrolled", 200, name="chooser, one company"),
        State("GET /companies", "other firm", 200, name="companies, none yet"),
        State("GET /companies", "firm", 200, "?q=nothing", name="companies, none found"),
        State("GET /companies", "firm", 200, "?none=true", name="companies, none chosen"),
        State("GET /companies", "firm's employee", 200, name="companies without the right"),
        State("GET /companies/portal/edit", "firm", 200,
              f"?{company}&company={things['other']}", name="edit several"),
        State("POST /companies/portal/warning", "firm", 422, body=f"{company}&enabled=on",
              name="edit without a profile"),
        State("POST /companies/portal/warning", "firm", 200, body=profile, name="warning"),
        State("POST /companies/portal/confirm", "firm", 409, body=f"{profile}&preview.$company_id=x",
              name="warning, stale"),
        State("GET /companies/portal/deployments", "other firm", 200, name="deployments, none"),
        State("GET /invoices", "owner", 200, "?start=2020-01-01&end=2020-02-01", name="invoices, none"),
        State("GET /invoices/{invoice_id}/history", "owner", 200, name="history"),
        State("GET /customers", "owner", 200, "?q=nothing", name="customers, none found"),
        State("POST /customers/{customer_id}", "owner", 422, body="name=&version=1&email.on=on&sftp.on=on",
              name="customer, refused"),
        State("GET /products", "owner", 200, "?q=nothing", name="products, none found"),
        State("POST /products/{product_id}", "owner", 422, body="name=&price=x&vat=S:0&version=1",
              name="product, refused"),
        State("POST /drafts/{draft_id}", "owner", 200, body=draft.format("product&product_id=$product_id"),
              name="draft, a product more"),
        State("POST /drafts/{draft_id}", "owner", 200, body=draft.format("add"), name="draft, a line more"),
        State("POST /drafts/{draft_id}", "owner", 422, body=draft.format("issue"), name="draft, refused"),
        State("GET /audit", "firm", 200, name="journal of a firm"),
        State("GET /audit", "owner", 200, "?document=none", name="journal, nothing found"),
        State("GET /audit", "owner", 422, "?start=2026-11-05&end=2026-11-01", name="journal, refused"),
        State("GET /me/security", "not enrolled", 200, name="enrolment only"),
        State("GET /me", "support, let in", 200, name="support inside"),
        State("GET /me", "owner", 200, "?edit=true", name="oneself, edited"),
        State("GET /me/security", "prudent", 200, name="security with an authenticator"),
        State("GET /sign-in/second-step", "in two steps", 200, name="second step"),
        State("GET /companies/{company_id}/billing", "alone", 200, name="own facturation"),
        State("POST /companies/{company_id}/billing/warning", "alone", 200,
              body="enabled=on&profile=$profile_id", name="own facturation, warning"),
        State(f"GET /drafts/{things['posted_draft']}", "owner", 200, name="draft that was posted"),
        State("POST /companies/{company_id}/users/new", "owner", 422, body="email=x&role=employee",
              name="user, refused"),
        State("POST /companies/{company_id}/users/external", "owner", 422, body="email=x@example.org",
              name="accountant, refused"),
        State("POST /companies/{company_id}/legal-information", "owner", 422,
              body="name=&registration_number=1&vat_number=1", name="legal information, refused"),
    ]  # fmt: skip


async def answered(cast: Cast, state: State, language: str) -> Answer:
    """What the portal answers in that language; whatever is changed is undone."""
    joined = f"{state.query}{'&' if state.query else '?'}lang={language}"
    declared = {r.name: r for r in source().routes if r.service == "portal"}.get(state.route)
    anybody = Policy("", "", dict.fromkeys(cast.people, ALLOWED))
    route = declared or Route("portal", state.route, anybody, state.status)
    asked = replace(route, policy=anybody, answer=state.status, query=joined, body=state.body)
    return (await tried(cast, asked, state.person)).answer


async def prepared(cast: Cast) -> None:
    """What the further states need: a second company to choose, an operator, somebody in two steps."""
    for things in cast.things.values():
        things["other"] = cast.things["owner, facturation off"]["company_id"]
    cast.app.apps["portal"].state.settings.operator_company_id = UUID(
        cast.people["firm"].company_id
    )
    half, whole = await _in_two_steps(cast)
    alone = await cast.register("Seule")
    for name, person in (("in two steps", half), ("prudent", whole), ("alone", alone)):
        cast.people[name] = person
        cast.things[name] = {**cast.things["owner"], "company_id": person.company_id}
    operator = Actor(kind="system", id="operator")
    await set_subscription(cast.app.databases["portal"], UUID(alone.company_id), "standard", ["invoicing"], 5,
                           operator)  # fmt: skip
    profiles = await cast.profiles(alone, alone.company_id)
    cast.things["alone"]["profile_id"] = next(iter(profiles.values()))
    await cast.app.tell()
    await _undecided(cast, cast.things["owner"]["delivery_id"])
    cast.things["owner"]["posted_draft"] = await _posted(cast)


async def _in_two_steps(cast: Cast) -> tuple[Person, Person]:
    """Has an authenticator: once with the password only, once all the way in."""
    person, app = await cast.register("Prudente"), cast.app
    begun = await app.done("identity", "POST", "/v1/me/totp", person.bearer, {"password": PASSWORD})
    code = pyotp.TOTP(begun["secret"]).at(int(time.time()) - 30)
    await app.done("identity", "POST", "/v1/me/totp/confirm", person.bearer, {"code": code})
    opened = await app.done("identity", "POST", "/v1/sessions",
                            body={"email": person.email, "password": PASSWORD})  # fmt: skip
    return Person("", opened["session"], person.company_id, person.email), person


async def _undecided(cast: Cast, delivery_id: str) -> None:
    """As the portal hears of a delivery that a person must settle."""
    async with cast.app.databases["portal"].system_transaction() as conn:
        await conn.execute(
            "UPDATE delivery_face SET state = 'undecided' WHERE delivery_id = $1", UUID(delivery_id)
        )


async def _posted(cast: Cast) -> str:
    """A draft that came as a document."""
    owner, things = cast.people["owner"], cast.things["owner"]
    billing, signed = cast.app.apps["billing"], {"authorization": owner.bearer}
    path = f"/v1/invoices/{things['invoice_id']}/original"
    document = await request(billing, "GET", path, signed)
    headers = {**signed, "content-type": "application/xml"}
    query = f"?customer_id={things['customer_id']}"
    made = await request(billing, "POST", f"/v1/drafts/ubl{query}", headers, document.body)
    assert made.status == 201, made.body
    return str(json.loads(made.body)["draft_id"])


BREAKS: list[dict[str, Any]] = [
    {"position": 2, "kind": "missing", "values": {"first": 2, "last": 4}},
    {"position": 5, "kind": "changed", "values": {}},
    {"position": 6, "kind": "recomputed", "values": {"first": 6, "last": 9}},
    {"position": 9, "kind": "end", "values": {}},
    {"position": 10, "kind": "cut", "values": {"last": 9, "sealed": 20}},
]


async def break_chain(conn: Connection, found: list[dict[str, Any]]) -> None:
    """As if the last walk had found that; nothing: as if there had been none."""
    await conn.execute("DELETE FROM audit_check")
    if found:
        await conn.execute(
            "INSERT INTO audit_check (checked_at, entries, broken, acknowledged) "
            "VALUES (now(), 20, $1, $2)",
            found,
            [{"at": "2026-11-02T09:00:00+00:00", "reason": "restored", "breaks": found}],
        )
        await conn.execute("UPDATE audit_head SET heard = 0, heard_at = now() - interval '1 hour'")


def away(cast: Cast) -> Any:
    """The portal's owners, none of which answers."""
    there = cast.app.apps["portal"].state.owners
    closed = dict.fromkeys(there.urls, "http://127.0.0.1:9")
    return replace(there, urls=closed, client=httpx.AsyncClient(trust_env=False))
