"""A firm with many companies, put into the portal's own tables by its own handlers; and somebody of
the firm with a browser's cookies, without any other service."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx

from services.portal.store import portals
from shared.access import projection, tokens
from shared.access.guard import Guard, Principal
from shared.access.rights import ALL_RIGHTS
from shared.contracts.identity import Company, CompanyChanged, MembershipChanged, ProfileChanged
from shared.database import Connection, Database
from shared.events import Envelope, Event
from tests.integration.alone import SYSTEM, World
from tests.platform import SELLER

HANDLERS: dict[type[Event], Any] = {
    CompanyChanged: projection.project_company,
    ProfileChanged: projection.project_profile,
    MembershipChanged: projection.project_membership,
}


async def heard(conn: Connection, event: Event, version: int = 1) -> None:
    """The portal hears of this."""
    envelope = Envelope(
        uuid4(), event.topic, 1, str(event.key), datetime.now(UTC), "/facteur/test", version,
        SYSTEM, None, None, None,
    )  # fmt: skip
    await HANDLERS[type(event)](conn, event, envelope)


@dataclass
class Firm:
    """Its id, its deployer, and its companies by name."""

    world: World
    company_id: UUID = field(default_factory=uuid4)
    user_id: UUID = field(default_factory=uuid4)
    membership_id: UUID = field(default_factory=uuid4)
    companies: dict[str, UUID] = field(default_factory=dict)

    @property
    def token(self) -> str:
        now = datetime.now(UTC)
        claims = tokens.Claims(
            user_id=self.user_id, session_id=uuid4(), membership_id=self.membership_id,
            company_id=self.company_id, membership_version=1, issued_at=now,
            expires_at=now + timedelta(hours=2),
        )  # fmt: skip
        return tokens.sign(claims, self.world.key, self.world.key_id)

    async def principal(self, db: Database) -> Principal:
        """The deployer, as the portal sees it."""
        return await Guard(db).principal(self.token)

    async def has(self, conn: Connection, rights: tuple[str, ...], version: int) -> None:
        """The deployer's rights."""
        await heard(conn, MembershipChanged(
            membership_id=self.membership_id, user_id=self.user_id, company_id=self.company_id, role="owner",
            kind="internal", profile_id=None, rights=list(rights), apps=[], active=True,
            email="odile@cabinet.example", first_name="Odile", last_name="Martin", language="en",
        ), version)  # fmt: skip

    async def company(
        self, conn: Connection, name: str, *, missing: tuple[str, ...] = (), users: int = 1,
        subscribed: bool = True,
    ) -> UUID:  # fmt: skip
        """A company with the profiles Gérant and Assistant; each user is a Gérant."""
        company_id, profile = uuid4(), uuid4()
        self.companies[name] = company_id
        await self.state(conn, name, missing)
        for profile_id, called in ((profile, "Gérant"), (uuid4(), "Assistant")):
            await heard(conn, ProfileChanged(
                profile_id=profile_id, company_id=company_id, name=called, rights=[], active=True
            ))  # fmt: skip
        for n in range(users):
            await self.user(conn, company_id, profile, f"u{n}@{company_id}.example")
        if subscribed:
            await portals.subscribe(conn, company_id, "standard", ["invoicing"], 5)
        return company_id

    async def state(
        self, conn: Connection, name: str, missing: tuple[str, ...], version: int = 1
    ) -> None:
        legal = Company.model_validate({**SELLER, "name": name})
        await heard(conn, CompanyChanged(
            company_id=self.companies[name], kind="company", firm_id=self.company_id, company=legal,
            missing_legal_fields=list(missing),
        ), version)  # fmt: skip

    async def user(self, conn: Connection, company: UUID, profile: UUID, email: str) -> None:
        await heard(conn, MembershipChanged(
            membership_id=uuid4(), user_id=uuid4(), company_id=company, role="employee",
            kind="internal", profile_id=profile, rights=[], apps=[], active=True,
            email=email, first_name="Luc", last_name="Petit", language="fr",
        ))  # fmt: skip


async def new_firm(db: Database, count: int, missing: dict[int, tuple[str, ...]]) -> Firm:
    """A firm with `count` companies; those of these numbers lack legal fields."""
    world = World()
    await world.publish_key(db)
    firm = Firm(world)
    async with db.system_transaction() as conn:
        await heard(conn, CompanyChanged(
            company_id=firm.company_id, kind="firm", firm_id=None,
            company=Company.model_validate({**SELLER, "name": "Cabinet Martin"}), missing_legal_fields=[],
        ))  # fmt: skip
        await firm.has(conn, ALL_RIGHTS, 1)
        for n in range(1, count + 1):
            await firm.company(conn, f"Company {n:04}", missing=missing.get(n, ()))
    return firm


@asynccontextmanager
async def browser(base: str, firm: Firm) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody of the firm, signed in, English."""
    cookies = {"facteur_session": "secret", "facteur_token": firm.token, "facteur_lang": "en"}
    base = base.rstrip("/")
    async with httpx.AsyncClient(
        base_url=base, cookies=cookies, headers={"Origin": base}, timeout=30
    ) as client:
        yield client


async def press(client: httpx.AsyncClient, firm: Firm, path: str, **fields: Any) -> httpx.Response:
    """Send a form of this session."""
    from services.portal.web.session import form_token

    form = {"_form": form_token("secret"), "_company": str(firm.company_id)}
    return await client.post(path, data={**form, **fields})


def rows(page: str) -> list[str]:
    """The text of each row of the page's table bodies."""
    bodies = "".join(re.findall(r"<tbody>(.*?)</tbody>", page, re.DOTALL))
    found = re.findall(r"<tr>(.*?)</tr>", bodies, re.DOTALL)
    strip: Callable[[str], str] = lambda row: " ".join(re.sub(r"<[^>]+>", " ", row).split())  # noqa: E731
    return [strip(row) for row in found]
