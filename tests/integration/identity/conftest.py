"""Identity alone, on a real database and broker, and the people who use it."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pyotp
import pytest

from deploy.local import postgres
from deploy.local.broker import Broker
from deploy.local.peers import mailbox
from deploy.local.pki import Pki
from deploy.local.postgres import ServiceDatabase
from services.identity.app import create_app
from services.identity.settings import IdentitySettings
from services.identity.store import companies
from shared.database import Connection, connect
from tests.conftest import DatabaseFactory
from tests.services import eventually, kafka_settings, master_key, served

PASSWORD = "une longue phrase de passe"
LEGAL = {
    "name": "Cabinet Martin",
    "legal_form": "SARL",
    "registration_number": "732829320",
    "vat_number": "FR44732829320",
    "address": {"line1": "1 rue X", "postcode": "75002", "city": "Paris", "country": "FR"},
}


@dataclass
class Member:
    """Somebody with a session and, where it gives one, a token."""

    email: str
    session: str
    token: str
    company_id: str
    user_id: str
    client: httpx.AsyncClient

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    async def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        return await self.client.request(method, path, headers=self.bearer, **options)


@dataclass
class Identity:
    """The service and what tests do with it."""

    client: httpx.AsyncClient
    database: ServiceDatabase
    mail: mailbox.Mailbox
    address: str
    master_key_file: Path

    async def session(
        self, email: str, password: str = PASSWORD, address: str = ""
    ) -> httpx.Response:
        headers = {"X-Forwarded-For": address or self.address}
        return await self.client.post(
            "/v1/sessions", json={"email": email, "password": password}, headers=headers
        )

    async def token(self, secret: str, company_id: str | None = None) -> httpx.Response:
        return await self.client.post(
            "/v1/sessions/current/token",
            json={"company_id": company_id},
            headers={"Authorization": f"Session {secret}"},
        )

    async def sign_in(self, email: str, company_id: str | None = None) -> Member:
        secret = (await self.session(email)).json()["session"]
        token = await self.token(secret, company_id)
        assert token.status_code == 200, token.text
        body = token.json()
        return Member(email, secret, body["access_token"], body["company_id"], "", self.client)

    async def register(self, kind: str = "company", name: str = "Cabinet Martin") -> Member:
        email = f"{uuid4().hex}@example.org"
        body = {
            "kind": kind, "company": {**LEGAL, "name": name}, "email": email,
            "first_name": "Odile", "last_name": "Martin",
        }  # fmt: skip
        asked = await self.ask("/v1/registrations", body)
        assert asked.status_code == 202, asked.text
        secret = {"secret": await self.link(email, "sign-up/confirm"), "password": PASSWORD}
        created = await self.client.post("/v1/registrations/confirm", json=secret)
        assert created.status_code == 201, created.text
        member = await self.sign_in(email)
        member.user_id = created.json()["user_id"]
        return member

    async def second_step(self, session: str, given: str, address: str = "") -> int:
        """Give a code of the app, or a recovery code."""
        answer = await self.client.post(
            "/v1/sessions/current/second-factor",
            json={"code": given},
            headers={
                "Authorization": f"Session {session}",
                "X-Forwarded-For": address or self.address,
            },
        )
        return answer.status_code

    async def ask(self, path: str, body: dict[str, Any], address: str = "") -> httpx.Response:
        """What anybody may ask for, from an address."""
        headers = {"X-Forwarded-For": address or self.address}
        return await self.client.post(path, json=body, headers=headers)

    async def offers(self, member: Member) -> list[dict[str, Any]]:
        """The invitations that wait for somebody who has signed in."""
        headers = {"Authorization": f"Session {member.session}"}
        found = await self.client.get("/v1/sessions/current/invitations", headers=headers)
        assert found.status_code == 200, found.text
        return list(found.json())

    async def accept(self, member: Member, company_id: str) -> httpx.Response:
        """Accept what a company offers, by one's own sign-in."""
        offer = next(o for o in await self.offers(member) if o["company_id"] == company_id)
        path = f"/v1/sessions/current/invitations/{offer['membership_id']}"
        headers = {"Authorization": f"Session {member.session}"}
        return await self.client.post(path, headers=headers)

    async def invite(
        self, owner: Member, email: str = "", role: str = "employee"
    ) -> httpx.Response:
        body = {
            "email": email or f"{uuid4().hex}@example.org", "first_name": "Luc",
            "last_name": "Petit", "role": role,
        }  # fmt: skip
        return await owner.call("POST", f"/v1/companies/{owner.company_id}/users", json=body)

    async def letter(self, recipient: str, subject: str = "") -> EmailMessage:
        """The newest letter to somebody, once it has arrived."""

        async def arrived() -> EmailMessage | None:
            for received in reversed(self.mail.store.all()):
                content = self.mail.store.content(received.id)
                found = message_from_bytes(content, policy=policy.default)
                if isinstance(found, EmailMessage) and found["To"] == recipient:
                    return found if subject in found["Subject"] else None
            return None

        found: EmailMessage = await eventually(arrived)
        return found

    async def link(self, recipient: str, kind: str = "invitation", other_than: str = "") -> str:
        """The secret of the link in the newest letter to somebody."""

        async def another() -> str | None:
            text = (await self.letter(recipient)).get_content()
            found = re.search(rf"https?://\S+/{kind}/(\S+)", text)
            return found.group(1) if found and found.group(1) != other_than else None

        secret: str = await eventually(another)
        return secret

    async def employee(self, owner: Member, role: str = "employee") -> Member:
        invited = (await self.invite(owner, role=role)).json()
        assert (invited["invited"], invited["invitation"]) == (True, None)
        secret = await self.link(invited["email"])
        accepted = await self.client.post(
            "/v1/invitations/accept", json={"secret": secret, "password": PASSWORD}
        )
        assert accepted.status_code == 204, accepted.text
        member = await self.sign_in(invited["email"])
        member.user_id = invited["user_id"]
        return member

    async def members(self, owner: Member, company_id: str = "") -> dict[str, dict[str, Any]]:
        """The users of a company as its list shows them, by e-mail."""
        path = f"/v1/companies/{company_id or owner.company_id}/users"
        return {u["email"]: u for u in (await owner.call("GET", path)).json()}


def row_of(company_id: str) -> Callable[[Connection], Awaitable[object]]:
    """The lock on a company's row."""
    return lambda conn: companies.lock(conn, UUID(company_id))


async def at_once(
    identity: Identity,
    hold: Callable[[Connection], Awaitable[object]],
    *calls: Awaitable[httpx.Response],
) -> list[httpx.Response]:
    """The answers to calls that all have got as far as they get without the lock that `hold` takes."""
    db = await connect(identity.database.runtime_dsn, max_size=2)

    async def waiting() -> bool:
        found = await db.pool.fetchval(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(found == len(calls))

    async with db.system_transaction() as conn:
        await hold(conn)
        answers = asyncio.gather(*calls)
        await eventually(waiting, 15)
    await db.close()
    return list(await answers)


def code(secret: str, steps_ahead: int = 0) -> str:
    """The code that an authenticator app shows."""
    return pyotp.TOTP(secret).at(int(time.time()) + 30 * steps_ahead)


async def enrol(member: Member) -> tuple[str, list[str]]:
    """Enrol an authenticator; returns its secret and the recovery codes."""
    begun = (await member.call("POST", "/v1/me/totp", json={"password": PASSWORD})).json()
    confirmed = await member.call(
        "POST", "/v1/me/totp/confirm", json={"code": code(begun["secret"], -1)}
    )
    assert confirmed.status_code == 200, confirmed.text
    return begun["secret"], confirmed.json()["recovery_codes"]


@pytest.fixture(scope="module")
async def identity_service(
    postgres_server: postgres.PostgresServer,
    migrated_template: DatabaseFactory,
    kafka_broker: Broker,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Identity]:
    """One service a module; tests share it and keep apart by their people and addresses."""
    folder = tmp_path_factory.mktemp("identity")
    template = await migrated_template("identity")
    name = f"identity_{uuid4().hex[:8]}"
    database = await postgres.clone(postgres_server.cluster, template, name)
    pki = Pki.at(folder / "pki")
    pki.server()
    tls = (pki.folder / "tls-localhost.pem", pki.folder / "tls-localhost.key")
    mail = await mailbox.Mailbox(mailbox.Options(folder / "mail", *tls)).start()
    settings = IdentitySettings(
        database_url=database.runtime_dsn,
        master_key_file=master_key(folder),
        failures_per_address=8,
        failures_per_account=4,
        asked_per_network=12,
        smtp={"host": "localhost", "port": mail.ports["smtp"], "sender": "facteur@localhost.example",
              "ca_file": str(pki.folder / "tls-ca.pem")},
    )  # fmt: skip
    async with served(create_app(settings, kafka_settings(kafka_broker))) as client:
        yield Identity(client, database, mail, "", settings.master_key_file)
    await mail.close()
    await postgres.drop(postgres_server.cluster, name)


@pytest.fixture
def identity(identity_service: Identity, _addresses: "count[int]") -> Identity:
    """The service, called from an address that no other test calls from."""
    number = next(_addresses)
    return replace(identity_service, address=f"10.{number // 250}.{number % 250}.1")


@pytest.fixture(scope="session")
def _addresses() -> "count[int]":
    return count()
