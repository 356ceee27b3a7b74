"""Who plays in the demo: a firm, three companies, their users; signed in through the public APIs."""

import re
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from typing import Any
from uuid import UUID, uuid5

import httpx

from deploy.demo.waiting import until

PASSWORD = "facteur de démonstration"  # noqa: S105 — printed for whoever browses the demo
NAMESPACE = UUID("6f1f8a0e-6a55-4f0e-9a35-0d9b5d1f7c11")
"""For ids that are the same at every run of the demo."""

FIRM = {
    "name": "Cabinet Delcourt",
    "legal_form": "SARL",
    "registration_number": "73282932000074",
    "vat_number": "FR44732829320",
    "address": {
        "line1": "14 rue de la Paix",
        "postcode": "75002",
        "city": "Paris",
        "country": "FR",
    },
}
BRASSERIE = {
    "name": "Brasserie du Parc",
    "legal_form": "SRL",
    "registration_number": "0403170701",
    "vat_number": "BE0403170701",
    "address": {
        "line1": "Rue de la Loi 16",
        "postcode": "1000",
        "city": "Bruxelles",
        "country": "BE",
    },
    "iban": "BE68539007547034",
    "bic": "TRIOBEBB",
    "email": "compta@brasserie.example",
    "peppol_id": "0208:0403170701",
}
ATELIER = {
    "name": "Atelier Lumière",
    "legal_form": "SAS",
    "registration_number": "999999998",
    "vat_number": "FR11999999998",
    "address": {
        "line1": "8 quai des Célestins",
        "postcode": "69002",
        "city": "Lyon",
        "country": "FR",
    },
    "iban": "FR1420041010050500013M02606",
    "email": "compta@atelier.example",
    "peppol_id": "0225:999999998_042",
}
MENUISERIE = {
    "name": "Menuiserie Janssens",
    "address": {"country": "BE"},
}
"""Its legal information isn't complete: facturation can't be switched on."""
TRAINEE = "stagiaire@cabinet.example"
"""Of the firm, without the right to mass deployment."""

COMPTOIR = {
    "name": "Comptoir Général",
    "registration_number": "0123456749",
    "vat_number": "BE0123456749",
    "address": {"line1": "Meir 24", "postcode": "2000", "city": "Antwerpen", "country": "BE"},
    "email": "facturen@comptoir.example",
    "language": "nl",
    "peppol_id": "0208:0123456749",
}
QUINCAILLERIE = {
    "name": "Quincaillerie des Vosges",
    "registration_number": "787878784",
    "vat_number": "FR19787878784",
    "address": {
        "line1": "3 place Stanislas",
        "postcode": "54000",
        "city": "Nancy",
        "country": "FR",
    },
    "email": "factures@quincaillerie.example",
    "language": "fr",
    "peppol_id": "0225:787878784",
}


class Refused(RuntimeError):
    """The demo asked for something that must work, and it was refused."""


@dataclass
class Person:
    """Somebody signed in."""

    email: str
    token: str
    company_id: UUID
    urls: dict[str, str]
    _client: httpx.AsyncClient = field(
        default_factory=lambda: httpx.AsyncClient(timeout=30, trust_env=False)
    )

    async def call(self, service: str, method: str, path: str, **options: Any) -> httpx.Response:
        """A request to a service's public API, with this person's token."""
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return await self._client.request(
            method, self.urls[service] + path, headers=headers, **options
        )

    async def ask(self, service: str, method: str, path: str, **options: Any) -> Any:
        """The same, and the answer's JSON; Refused unless it is a success."""
        answer = await self.call(service, method, path, **options)
        if answer.is_error:
            raise Refused(f"{method} {path}: {answer.status_code} {answer.text[:600]}")
        return answer.json() if answer.content else None

    async def close(self) -> None:
        """End the connections."""
        await self._client.aclose()


async def sign_in(urls: dict[str, str], email: str) -> Person | None:
    """The person, or None when there is no such account yet."""
    async with httpx.AsyncClient(base_url=urls["identity"], timeout=30, trust_env=False) as client:
        opened = await client.post("/v1/sessions", json={"email": email, "password": PASSWORD})
        if opened.status_code != 201:
            return None
        secret = opened.json()["session"]
        headers = {"Authorization": f"Session {secret}"}
        token = (await client.post("/v1/sessions/current/token", json={}, headers=headers)).json()
    return Person(email, token["access_token"], UUID(token["company_id"]), urls)


async def firm_admin(urls: dict[str, str]) -> Person:
    """The firm's administrator; the firm is registered at the first run."""
    email = "admin@cabinet.example"
    known = await sign_in(urls, email)
    if known:
        return known
    body = {
        "kind": "firm", "company": FIRM, "email": email,
        "first_name": "Anne", "last_name": "Delcourt", "language": "fr",
    }  # fmt: skip
    async with httpx.AsyncClient(base_url=urls["identity"], timeout=30, trust_env=False) as client:
        created = await client.post("/v1/registrations", json=body)
        if created.is_error:
            raise Refused(created.text)
        secret = {"secret": await secret_by_mail(urls, email, "sign-up/confirm"),
                  "password": PASSWORD}  # fmt: skip
        confirmed = await client.post("/v1/registrations/confirm", json=secret)
        if confirmed.is_error:
            raise Refused(confirmed.text)
    person = await sign_in(urls, email)
    assert person is not None  # noqa: S101 — just registered
    return person


async def managed_company(admin: Person, legal: dict[str, Any]) -> UUID:
    """A company of the firm, made at the first run."""
    for company in await admin.ask("identity", "GET", "/v1/companies"):
        if company["company"]["name"] == legal["name"]:
            return UUID(company["company_id"])
    created = await admin.ask("identity", "POST", "/v1/companies", json=legal)
    return UUID(created["company_id"])


async def company_user(
    admin: Person,
    company: UUID,
    email: str,
    names: tuple[str, str],
    profile: str | None,
    language: str = "fr",
) -> None:
    """A user of a company with a profile (or none) and the demo's password, made at the first run."""
    users = await admin.ask("identity", "GET", f"/v1/companies/{company}/users")
    if any(user["email"] == email for user in users):
        return
    profiles = await admin.ask("identity", "GET", f"/v1/companies/{company}/profiles")
    body = {
        "email": email, "first_name": names[0], "last_name": names[1], "role": "employee",
        "language": language,
        "profile_id": next((p["profile_id"] for p in profiles if p["name"] == profile), None),
        "apps": ["invoices", "purchases", "peppol", "statistics"],
    }  # fmt: skip
    await admin.ask("identity", "POST", f"/v1/companies/{company}/users", json=body)
    secret = await secret_by_mail(admin.urls, email, "invitation")
    accepted = {"secret": secret, "password": PASSWORD}
    await admin.ask("identity", "POST", "/v1/invitations/accept", json=accepted)


async def secret_by_mail(urls: dict[str, str], email: str, kind: str) -> str:
    """The secret in the newest letter to somebody, as the mail server of the stack received it."""

    async def arrived() -> str | None:
        async with httpx.AsyncClient(
            base_url=urls["mailbox"], timeout=10, trust_env=False
        ) as client:
            for listed in reversed((await client.get("/messages.json")).json()):
                if email not in listed["rcpt_to"]:
                    continue
                raw = (await client.get(f"/messages/{listed['id']}/raw")).content
                text = message_from_bytes(raw, policy=policy.default).get_content()
                if found := re.search(rf"/{kind}/([\w-]+)", text):
                    return found.group(1)
        return None

    return await until(f"a letter to {email}", arrived)


def stable_id(*parts: object) -> str:
    """The same id for the same parts at every run."""
    return str(uuid5(NAMESPACE, " ".join(map(str, parts))))
