"""The people of the matrix and the companies they ask about; everything made as users make it."""

import base64
import json
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from services.billing.store import renderings
from services.identity.store import privacy
from services.portal.commands.activation import set_subscription
from services.portal.web.session import form_token
from shared.events import Actor
from tests.matrix.platform import InProcess
from tests.platform import BUYER, LINE, PASSWORD, PRODUCT, SELLER

SFTP = {"channel": "sftp", "password": "x",
        "settings": {"host": "files.example", "port": 22, "user": "facteur", "host_key":
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGm0zXfW1tqjFGvZ0yMZ0pDvTnBM4hG6mTk1Jq7WqP5j"}}  # fmt: skip
EMAIL = {"channel": "email", "settings": {"to": ["achats@acheteur.example"]}}
SPARE_SECONDS = 240
"""What a token must still be good for: longer than the longest test of the cast."""
HIDDEN = "Acheteur Confidentiel"
"""A customer's name that nobody outside the company may ever see."""


@dataclass
class Person:
    """Somebody, with what they present, and the company they ask about."""

    token: str = ""
    session: str = ""
    company_id: str = ""
    email: str = ""
    key: str = ""

    @property
    def bearer(self) -> str:
        return f"Bearer {self.token}"

    def ends_within(self, seconds: float) -> bool:
        """Whether the token is over soon."""
        payload = self.token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return float(claims["exp"]) < time.time() + seconds

    @property
    def form(self) -> str:
        """The fields that every form of this person's pages carries."""
        return f"_form={form_token(self.session)}&_company={self.company_id}"


@dataclass
class Cast:
    """Everybody, and the things of the company each asks about."""

    app: InProcess
    people: dict[str, Person] = field(default_factory=dict)
    things: dict[str, dict[str, str]] = field(default_factory=dict)
    """By person: what $names stand for."""

    async def enter(self, email: str, company_id: str | None = None) -> Person:
        """Sign in, and work in a company."""
        opened = await self.app.done("identity", "POST", "/v1/sessions",
                                     body={"email": email, "password": PASSWORD})  # fmt: skip
        secret = opened["session"]
        given = await self.app.done("identity", "POST", "/v1/sessions/current/token",
                                    f"Session {secret}", {"company_id": company_id})  # fmt: skip
        return Person(given["access_token"], secret, given["company_id"], email)

    async def renew(self) -> None:
        """Another token for whoever's is nearly over: they live ten minutes, a suite longer."""
        for name, person in self.people.items():
            if not person.token or name == "signed out" or not person.ends_within(SPARE_SECONDS):
                continue
            path, by = "/v1/sessions/current/token", f"Session {person.session}"
            body = {"company_id": person.company_id}
            if person.key:
                path, by, body = "/v1/api-keys/token", f"ApiKey {person.key}", {}
            given = await self.app.done("identity", "POST", path, by, body)
            person.token = given["access_token"]

    async def register(self, name: str, kind: str = "company") -> Person:
        email = f"{uuid4().hex}@example.org"
        await self.app.done("identity", "POST", "/v1/registrations", body={
            "kind": kind, "company": {**SELLER, "name": name}, "email": email,
            "password": PASSWORD, "first_name": "Odile", "last_name": "Martin",
        })  # fmt: skip
        await self.app.tell()
        return await self.enter(email)

    async def user(self, by: Person, company: str, role: str = "employee", **more: Any) -> Person:
        """A user of the company, who has set a password."""
        email = f"{uuid4().hex}@example.org"
        made = await self.app.done(
            "identity", "POST", f"/v1/companies/{company}/users", by.bearer,
            {"email": email, "first_name": "Luc", "last_name": "Petit", "role": role, **more},
        )  # fmt: skip
        await self.app.done("identity", "POST", "/v1/invitations/accept",
                            body={"secret": made["invitation"], "password": PASSWORD})  # fmt: skip
        await self.app.tell()
        return await self.enter(email, company)

    async def key(self, owner: Person, *scopes: str) -> Person:
        made = await self.app.done("identity", "POST", "/v1/api-keys", owner.bearer,
                                   {"name": "ERP", "scopes": scopes, "days": 30,
                                    "password": PASSWORD})  # fmt: skip
        given = await self.app.done("identity", "POST", "/v1/api-keys/token",
                                    f"ApiKey {made['secret']}")  # fmt: skip
        return Person(given["access_token"], "", owner.company_id, key=made["secret"])

    async def company(self, firm: Person, name: str) -> str:
        made = await self.app.done("identity", "POST", "/v1/companies", firm.bearer,
                                   {**SELLER, "name": name})  # fmt: skip
        await self.app.tell()
        return str(made["company_id"])

    async def profiles(self, by: Person, company: str) -> dict[str, str]:
        found = await self.app.done("identity", "GET", f"/v1/companies/{company}/profiles",
                                    by.bearer)  # fmt: skip
        return {p["name"]: p["profile_id"] for p in found}

    async def facturation(self, firm: Person, company: str, *profiles: str) -> None:
        """On, for these profiles."""
        actor = Actor(kind="system", id="operator")
        await set_subscription(self.app.databases["portal"], UUID(company), "standard",
                               ["invoicing"], 50, actor)  # fmt: skip
        path = f"/api/v1/companies/{company}/portal/billing"
        change = {"enabled": True, "profile_ids": profiles}
        seen = await self.app.done("portal", "POST", f"{path}/preview", firm.bearer, change)
        await self.app.done("portal", "PUT", path, firm.bearer,
                            {**change, "preview": seen["preview"]})  # fmt: skip
        await self.app.tell()


async def cast(app: InProcess) -> Cast:
    """Everybody the matrix names."""
    found = Cast(app)
    people = found.people
    firm = people["firm"] = await found.register("Cabinet Martin", "firm")
    company, off = await found.company(firm, "Brasserie du Parc"), await found.company(firm, "Sans")
    profiles = await found.profiles(firm, company)
    profiles_off = await found.profiles(firm, off)
    chosen, other = profiles["Gérant"], profiles["Assistant"]
    people["owner"] = owner = await found.user(firm, company, "owner", profile_id=chosen)
    await found.facturation(firm, company, chosen)
    every = ["customers", "products", "invoices", "purchases", "peppol", "statistics"]
    people["employee"] = await found.user(owner, company, profile_id=chosen, apps=every)
    people["employee, other profile"] = await found.user(
        owner, company, profile_id=other, apps=every
    )
    people["employee, app off"] = await found.user(owner, company, profile_id=chosen, apps=[])
    people["user manager"] = await _manager(found, owner, company)
    people["owner, facturation off"] = await found.user(
        firm, off, "owner", profile_id=profiles_off["Gérant"]
    )
    people["employee, facturation off"] = await found.user(
        firm, off, profile_id=profiles_off["Gérant"], apps=every
    )
    people["firm's employee"] = await found.user(firm, firm.company_id)
    people["accountant"] = await _accountant(found, owner, company)
    people["support, let in"] = await _support(found, owner, company)
    people["support in the firm"] = await _support(found, firm, firm.company_id)
    people["accountant of the firm"] = await _accountant(found, firm, firm.company_id)
    people["support, not let in"] = await _support_staff(found, "Support deux")
    people["key: read"] = await found.key(owner, "read")
    people["key: read, write"] = await found.key(owner, "read", "write")
    people["firm's key"] = await found.key(firm, "read", "write")
    people["outsider"] = await _outsider(found)
    people["other firm"] = await found.register("Cabinet Autre", "firm")
    people["not enrolled"] = await _not_enrolled(found)
    people["signed out"] = await _signed_out(found, firm, company, chosen)
    people["nobody"] = Person()
    things = await _things(found, firm, owner, company)
    bare = {**things, **await _people_of(found, firm, off),
            "key_id": await _key_of(found, people["owner, facturation off"])}  # fmt: skip
    strict = people["not enrolled"]
    for name in people:
        found.things[name] = bare if name in AT_THE_OTHER else things
    found.things["not enrolled"] = {**things, "company_id": strict.company_id}
    await app.tell()
    return found


AT_THE_OTHER = ("owner, facturation off", "employee, facturation off", "support, not let in")
"""They ask about the company without facturation, which doesn't let support in either."""


async def _key_of(found: Cast, owner: Person) -> str:
    await found.key(owner, "read")
    keys = await found.app.done("identity", "GET", "/v1/api-keys", owner.bearer)
    return str(keys[0]["key_id"])


async def _manager(found: Cast, owner: Person, company: str) -> Person:
    person = await found.user(owner, company)
    users = await found.app.done("identity", "GET", f"/v1/companies/{company}/users", owner.bearer)
    user_id = next(u["user_id"] for u in users if u["email"] == person.email)
    await found.app.done("identity", "PATCH", f"/v1/companies/{company}/users/{user_id}",
                         owner.bearer, {"rights": ["user_management"]})  # fmt: skip
    await found.app.tell()
    return await found.enter(person.email, company)


async def _accountant(found: Cast, owner: Person, company: str) -> Person:
    person = await found.register("Fiduciaire", "firm")
    await found.app.done("identity", "POST", f"/v1/companies/{company}/accountants", owner.bearer,
                         {"email": person.email})  # fmt: skip
    await found.app.tell()
    return await found.enter(person.email, company)


async def _support_staff(found: Cast, name: str) -> Person:
    person = await found.register(name)
    async with found.app.databases["identity"].system_transaction() as conn:
        await privacy.make_support(conn, person.email)
    return person


async def _support(found: Cast, owner: Person, company: str) -> Person:
    await found.app.done("identity", "PUT", f"/v1/companies/{company}/privacy", owner.bearer,
                         {"support_access": True, "require_two_factor": False})  # fmt: skip
    person = await _support_staff(found, "Support un")
    await found.app.done("identity", "POST", f"/v1/support/companies/{company}", person.bearer)
    await found.app.tell()
    return await found.enter(person.email, company)


async def _outsider(found: Cast) -> Person:
    firm = await found.register("Cabinet Voisin", "firm")
    company = await found.company(firm, "Atelier Voisin")
    profiles = await found.profiles(firm, company)
    owner = await found.user(firm, company, "owner", profile_id=profiles["Gérant"])
    await found.facturation(firm, company, profiles["Gérant"])
    return owner


async def _not_enrolled(found: Cast) -> Person:
    person = await found.register("Stricte", "firm")
    await found.app.done("identity", "PUT", f"/v1/companies/{person.company_id}/privacy",
                         person.bearer, {"support_access": False, "require_two_factor": True},
                         )  # fmt: skip
    await found.app.tell()
    return await found.enter(person.email)


async def _signed_out(found: Cast, firm: Person, company: str, profile: str) -> Person:
    person = await found.user(firm, company, "owner", profile_id=profile)
    await found.app.done("identity", "DELETE", "/v1/sessions/current", f"Session {person.session}")
    await found.app.tell()
    return person


async def _people_of(found: Cast, firm: Person, company: str) -> dict[str, str]:
    """The company, people of it, and two of its profiles."""
    profiles = await found.profiles(firm, company)
    invited = await found.app.done(
        "identity", "POST", f"/v1/companies/{company}/users", firm.bearer,
        {"email": f"{uuid4().hex}@example.org", "first_name": "Ana", "last_name": "Roy",
         "role": "employee"},
    )  # fmt: skip
    former = await _employee_id(found, firm, company)
    await found.app.done("identity", "DELETE", f"/v1/companies/{company}/users/{former}",
                         firm.bearer)  # fmt: skip
    return {
        "company_id": company,
        "user_id": await _employee_id(found, firm, company),
        "former_user": former,
        "invited_user": invited["user_id"],
        "secret": invited["invitation"],
        "profile_id": profiles["Assistant"],
        "unused_profile": profiles["Comptable"],
    }


async def _employee_id(found: Cast, firm: Person, company: str) -> str:
    spare = await found.user(firm, company)
    users = await found.app.done("identity", "GET", f"/v1/companies/{company}/users", firm.bearer)
    return next(str(u["user_id"]) for u in users if u["email"] == spare.email)


async def _things(found: Cast, firm: Person, owner: Person, company: str) -> dict[str, str]:
    """What the company has: a customer, documents, deliveries, a purchase, a key, an invitation."""
    app = found.app
    customer, draft, spare = (str(uuid4()) for _ in range(3))
    await app.done("delivery", "PUT", f"/v1/receptions/{customer}", owner.bearer,
                   {"ways": [SFTP, EMAIL]})  # fmt: skip
    buyer = {**BUYER, "name": HIDDEN}
    await app.done("billing", "PUT", f"/v1/customers/{customer}", owner.bearer, buyer)
    product, sold = str(uuid4()), {**PRODUCT, "name": HIDDEN}
    await app.done("billing", "PUT", f"/v1/products/{product}", owner.bearer, sold)
    content = {"due_date": "2027-01-31", "lines": [LINE], "buyer_reference": "PO 7"}
    for draft_id in (draft, spare):
        await app.done("billing", "POST", "/v1/drafts", owner.bearer,
                       {"draft_id": draft_id, "customer_id": customer, "content": content},
                       )  # fmt: skip
    issued = await app.done("billing", "POST", f"/v1/drafts/{draft}/issue", owner.bearer)
    async with app.databases["billing"].system_transaction() as conn:
        await renderings.store(conn, UUID(issued["invoice_id"]), b"%PDF-1.7", "")
    series = await app.done("billing", "GET", "/v1/series", owner.bearer)
    await app.tell()
    keys = await app.done("identity", "GET", "/v1/api-keys", owner.bearer)
    accountant = await found.register("Expert", "firm")
    return {
        **await _people_of(found, firm, company),
        **await _deliveries(found, owner, issued["invoice_id"]),
        "customer_id": customer,
        "product_id": product,
        "product": json.dumps(sold),
        "draft_id": spare,
        "invoice_id": issued["invoice_id"],
        "series_id": series[0]["series_id"],
        "document_id": await _purchase(found, company),
        "key_id": keys[0]["key_id"],
        "accountant": accountant.email,
        "deployment_id": await _deployment(found, firm, company),
        "buyer": json.dumps(buyer),
        "content": json.dumps(content),
        "membership_id": str(uuid4()),
        "passkey_id": str(uuid4()),
        "session_id": str(uuid4()),
        "password": PASSWORD,
    }


async def _deliveries(found: Cast, owner: Person, invoice_id: str) -> dict[str, str]:
    """One that is over, one that hasn't begun."""
    listed = await found.app.done(
        "delivery", "GET", f"/v1/deliveries?invoice_id={invoice_id}", owner.bearer
    )
    ids = {d["channel"]: d["delivery_id"] for d in listed}
    async with found.app.databases["delivery"].system_transaction() as conn:
        await conn.execute(
            "UPDATE delivery SET state = 'exhausted' WHERE delivery_id = $1", ids["sftp"]
        )
    return {"delivery_id": ids["sftp"], "waiting_delivery": ids["email"]}


async def _deployment(found: Cast, firm: Person, company: str) -> str:
    """One that isn't confirmed yet."""
    order = {"company_ids": [company], "enabled": True, "profiles": ["Gérant", "Comptable"]}
    made = await found.app.done("portal", "POST", "/api/v1/deployments", firm.bearer, order)
    return str(made["deployment_id"])


async def _purchase(found: Cast, company: str) -> str:
    """A document that the company has received."""
    document = str(uuid4())
    async with found.app.databases["delivery"].system_transaction() as conn:
        await conn.execute(
            "INSERT INTO received_document (document_id, company_id, message_id, instance_id, sender, "
            "receiver, sent_by, document_type, number, seller_name, amount_due, currency, state, "
            "findings, sha256, content, receipt, content_type, received_at) VALUES ($1, $2, 'm', 'i', "
            "'0208:1', '0208:2', 'PFR000002', 'invoice', 'A-1', $3, '1.00', 'EUR', 'accepted', '[]', "
            "'', '<x/>', '', 'text/xml', now())",
            document, company, HIDDEN,
        )  # fmt: skip
    return document
