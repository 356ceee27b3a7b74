"""The whole platform for flow tests: four real services in one process, on a real database server
and broker, driven through their public APIs like any client."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx

from deploy.local.broker import Broker
from services.billing.app import create_app as billing_app
from services.billing.settings import BillingSettings
from services.delivery.app import create_app as delivery_app
from services.delivery.domain.outcome import ChannelName
from services.delivery.settings import DeliverySettings
from services.delivery.workers import run_worker
from services.identity.app import create_app as identity_app
from services.identity.settings import IdentitySettings
from services.portal.app import create_app as portal_app
from services.portal.commands.activation import set_subscription
from services.portal.settings import PortalSettings
from shared.database import connect
from shared.events import Actor
from tests.conftest import DatabaseFactory
from tests.services import eventually, kafka_settings, master_key, served

PASSWORD = "une longue phrase de passe"

SELLER = {
    "name": "Brasserie du Parc",
    "legal_form": "SRL",
    "registration_number": "0403170701",
    "vat_number": "BE0403170701",
    "address": {
        "line1": "Rue de la Loi 1",
        "postcode": "1000",
        "city": "Bruxelles",
        "country": "BE",
    },
    "iban": "BE68539007547034",
    "email": "compta@brasserie.example",
}
FRENCH_SELLER = {
    "name": "Atelier Lumière",
    "legal_form": "SARL",
    "registration_number": "73282932000074",
    "vat_number": "FR44732829320",
    "address": {"line1": "1 rue de la Paix", "postcode": "75002", "city": "Paris", "country": "FR"},
    "iban": "FR1420041010050500013M02606",
}
BUYER = {
    "name": "Comptoir Général",
    "registration_number": "0123456749",
    "vat_number": "BE0123456749",
    "address": {"line1": "Meir 2", "postcode": "2000", "city": "Antwerpen", "country": "BE"},
    "language": "nl",
    "peppol_id": "0208:0123456749",
}
FRENCH_BUYER = {
    "name": "Société Générale des Vis",
    "registration_number": "552081317",
    "vat_number": "FR03552081317",
    "address": {
        "line1": "22 avenue de Wagram",
        "postcode": "75008",
        "city": "Paris",
        "country": "FR",
    },
    "language": "fr",
}
LINE = {
    "quantity": "2",
    "price": {"net": "50.00"},
    "vat": {"category": "S", "rate": "21"},
    "item": {"name": "Bière blonde, fût de 20 l"},
}
PRODUCT = {
    "name": "Bière brune",
    "unit": "C62",
    "price": "50.00",
    "vat": {"category": "S", "rate": "21"},
}


@dataclass
class Person:
    """Somebody signed in, with a client for each service that sends the token along."""

    token: str
    company_id: UUID
    session: str
    urls: dict[str, str]
    email: str = ""
    _clients: dict[str, httpx.AsyncClient] = field(default_factory=dict)

    def at(self, service: str) -> httpx.AsyncClient:
        """A client of one service, as this person."""
        if service not in self._clients:
            self._clients[service] = httpx.AsyncClient(
                base_url=self.urls[service],
                headers={"Authorization": f"Bearer {self.token}"},
                timeout=20,
            )
        return self._clients[service]

    async def close(self) -> None:
        for client in self._clients.values():
            await client.aclose()


@dataclass
class Platform:
    """The running services, and how tests act on them."""

    urls: dict[str, str]
    databases: dict[str, Any]
    delivery_settings: DeliverySettings
    stack: AsyncExitStack

    async def person(self, email: str, company_id: UUID | None = None) -> Person:
        """Sign in."""
        async with httpx.AsyncClient(base_url=self.urls["identity"], timeout=20) as client:
            opened = await client.post("/v1/sessions", json={"email": email, "password": PASSWORD})
            assert opened.status_code == 201, opened.text
            secret = opened.json()["session"]
            token = await client.post(
                "/v1/sessions/current/token",
                json={"company_id": str(company_id) if company_id else None},
                headers={"Authorization": f"Session {secret}"},
            )
            assert token.status_code == 200, token.text
        body = token.json()
        person = Person(body["access_token"], UUID(body["company_id"]), secret, self.urls, email)
        self.stack.push_async_callback(person.close)
        return person

    async def register(self, company: dict[str, Any], kind: str = "company") -> Person:
        """Sign up; the person is the company's first owner."""
        email = f"{uuid4().hex}@example.org"
        body = {
            "kind": kind, "company": company, "email": email, "password": PASSWORD,
            "first_name": "Odile", "last_name": "Martin", "language": "fr",
        }  # fmt: skip
        async with httpx.AsyncClient(base_url=self.urls["identity"], timeout=20) as client:
            created = await client.post("/v1/registrations", json=body)
        assert created.status_code == 201, created.text
        return await self.person(email)

    async def firm(self) -> Person:
        """The owner of a firm that administers companies."""
        return await self.register({**FRENCH_SELLER, "name": "Cabinet Martin"}, kind="firm")

    async def company(self, firm: Person, legal: dict[str, Any] = SELLER) -> UUID:
        """A company that the firm administers."""
        created = await firm.at("identity").post("/v1/companies", json=legal)
        assert created.status_code == 201, created.text
        return UUID(created.json()["company_id"])

    async def user(self, firm: Person, company: UUID, profile: str = "Gérant") -> str:
        """A user of the company with a profile; returns the e-mail."""
        api = firm.at("identity")
        profiles = (await api.get(f"/v1/companies/{company}/profiles")).json()
        chosen = next(p["profile_id"] for p in profiles if p["name"] == profile)
        email = f"{uuid4().hex}@example.org"
        body = {"email": email, "first_name": "Luc", "last_name": "Petit", "role": "employee",
                "profile_id": chosen}  # fmt: skip
        created = await api.post(f"/v1/companies/{company}/users", json=body)
        assert created.status_code == 201, created.text
        secret = created.json()["invitation"]
        accepted = await api.post(
            "/v1/invitations/accept", json={"secret": secret, "password": PASSWORD}
        )
        assert accepted.status_code == 204, accepted.text
        return email

    async def subscribe(self, company: UUID, *options: str, seats: int = 5) -> None:
        """The company buys options."""
        db = await connect(self.databases["portal"].runtime_dsn, max_size=1)
        actor = Actor(kind="system", id="operator")
        await set_subscription(db, company, "standard", list(options), seats, actor)
        await db.close()

    async def switch_on(self, firm: Person, company: UUID, *profiles: str) -> None:
        """Facturation on, for these profiles, by preview and confirmation."""
        api = firm.at("portal")

        async def known() -> dict[str, Any] | None:
            found = await api.get(f"/api/v1/companies/{company}/portal")
            body: dict[str, Any] = found.json()
            names = {p["name"] for p in body.get("profiles", [])}
            return body if set(profiles) <= names and body["users"] else None

        portal = await eventually(known)
        ids = [p["profile_id"] for p in portal["profiles"] if p["name"] in profiles]
        change = {"enabled": True, "profile_ids": ids}
        seen = await api.post(f"/api/v1/companies/{company}/portal/billing/preview", json=change)
        assert seen.status_code == 200, seen.text
        confirmed = await api.put(
            f"/api/v1/companies/{company}/portal/billing",
            json={**change, "preview": seen.json()["preview"]},
        )
        assert confirmed.status_code == 200, confirmed.text

    async def biller(self, legal: dict[str, Any] = SELLER) -> Person:
        """A user of a company for which facturation is on, who may invoice."""
        firm = await self.firm()
        company = await self.company(firm, legal)
        email = await self.user(firm, company)
        await self.subscribe(company, "invoicing")
        await self.switch_on(firm, company, "Gérant")
        person = await self.person(email)

        async def allowed() -> bool:
            answers = [await person.at(s).get(p) for s, p in
                       (("billing", "/v1/customers"), ("delivery", "/v1/deliveries"))]  # fmt: skip
            return all(a.status_code == 200 for a in answers)

        await eventually(allowed)
        return person

    @asynccontextmanager
    async def worker(self, *channels: ChannelName, **changes: Any) -> AsyncIterator[None]:
        """A delivery worker of these channels."""
        import asyncio

        settings = self.delivery_settings.model_copy(update=changes)
        task = asyncio.create_task(run_worker(settings, list(channels)))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def platform(
    new_database: DatabaseFactory,
    broker: Broker,
    folder: Path,
    *,
    smtp: dict[str, Any] | None = None,
    **delivery: Any,
) -> AsyncIterator[Platform]:
    """All four services, ready; `smtp` is identity's mail server."""
    kafka = kafka_settings(broker)
    names = ("identity", "portal", "billing", "delivery")
    databases = {name: await new_database(name) for name in names}
    key = master_key(folder)
    retries = Path(__file__).parent / "fast_retries.toml"
    delivery_settings = DeliverySettings(
        database_url=databases["delivery"].runtime_dsn, master_key_file=key, private_addresses=True,
        retries_file=retries, lease_seconds=4, **delivery,
    )  # fmt: skip
    identity_settings = IdentitySettings(
        database_url=databases["identity"].runtime_dsn,
        master_key_file=key,
        smtp=smtp,
        asked_per_network=1000,
    )
    async with AsyncExitStack() as stack:
        identity = await stack.enter_async_context(
            served(identity_app(identity_settings, kafka), until_ready=False)
        )
        billing = await stack.enter_async_context(served(billing_app(
            BillingSettings(database_url=databases["billing"].runtime_dsn), kafka
        ), until_ready=False))  # fmt: skip
        delivering = await stack.enter_async_context(
            served(delivery_app(delivery_settings, kafka), until_ready=False)
        )
        urls = {"identity": str(identity.base_url), "billing": str(billing.base_url),
                "delivery": str(delivering.base_url)}  # fmt: skip
        portal = await stack.enter_async_context(served(portal_app(PortalSettings(
            database_url=databases["portal"].runtime_dsn, identity_url=urls["identity"],
            billing_url=urls["billing"], delivery_url=urls["delivery"],
        ), kafka)))  # fmt: skip
        from tests.services import ready

        for client in (identity, billing, delivering):
            await ready(client)
        urls["portal"] = str(portal.base_url)
        # passkeys need a name: browsers know none for a bare address
        identity_settings.portal_url = urls["portal"].replace("127.0.0.1", "localhost")
        yield Platform(urls, databases, delivery_settings, stack)
