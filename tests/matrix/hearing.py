"""The services hear that everybody's standing is another, from events as identity and the portal send."""

import base64
import json
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

from services.portal.store import portals
from shared.access import projection
from shared.access.guard import EXTERNAL
from shared.access.rights import ALL_RIGHTS, APPS
from shared.contracts.identity import Company, CompanyChanged, MembershipChanged, ProfileChanged
from shared.contracts.portal import BillingDisabled, BillingEnabled, BillingEvent, ProfileRef
from shared.database import Connection, Record
from shared.events import Actor, Envelope, Event
from tests.matrix.everybody import ROLES, Standing
from tests.matrix.people import Cast, Person

LATER = 1_000_000
"""A version after all that was heard so far."""
CHOSEN, ANOTHER = "Gérant", "Assistant"
"""Profiles that every company begins with; the first has facturation."""


async def hear(cast: Cast, standing: Standing, services: Collection[str]) -> None:
    """Those services, by name; to be undone by the caller."""
    asked = UUID(cast.things["owner"]["company_id"])
    roles = [cast.people[role] for role in ROLES]
    companies = {UUID(person.company_id) for person in roles}
    memberships = {_membership(person): UUID(person.company_id) for person in roles}
    by_company = {
        company: standing if standing.of == "all" or company == asked else replace(standing, state="on")
        for company in companies
    }  # fmt: skip
    for service in services:
        async with cast.app.databases[service].system_transaction() as conn:
            for company, one in by_company.items():
                await _hear_company(conn, company, one)
            for membership, company in memberships.items():
                await _hear_member(conn, membership, by_company[company])
            await _hear_administrator(conn, asked, _administrator(cast, standing))
    if "identity" in services:
        async with cast.app.databases["identity"].system_transaction() as conn:
            await conn.execute("UPDATE company SET firm_id = $2 WHERE company_id = $1",
                               asked, _administrator(cast, standing))  # fmt: skip
    if "portal" in services and standing.state == "unsubscribed":
        async with cast.app.databases["portal"].system_transaction() as conn:
            await portals.subscribe(conn, asked, "standard", [], 50)


def _administrator(cast: Cast, standing: Standing) -> UUID | None:
    firm = cast.people.get(standing.administered_by)
    return None if firm is None or not firm.company_id else UUID(firm.company_id)


def _membership(person: Person) -> UUID:
    payload = person.token.split(".")[1]
    return UUID(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["mid"])


async def _profiles(conn: Connection, company_id: UUID) -> dict[str, UUID | None]:
    """What a standing calls them."""
    rows = await conn.fetch(
        "SELECT name, profile_id FROM access.profiles WHERE company_id = $1", company_id
    )
    named = {row["name"]: row["profile_id"] for row in rows}
    return {"chosen": named[CHOSEN], "another": named[ANOTHER], "none": None}


async def _hear_company(conn: Connection, company_id: UUID, standing: Standing) -> None:
    """What is switched on for it, and for which profile, and which rights its profiles give."""
    rights = [right for right in ALL_RIGHTS if right not in standing.missing]
    profiles = await _profiles(conn, company_id)
    for name, profile_id in ((CHOSEN, profiles["chosen"]), (ANOTHER, profiles["another"])):
        given = {"profile_id": profile_id, "company_id": company_id, "name": name, "active": True}
        event = ProfileChanged.model_validate({**given, "rights": rights})
        await projection.project_profile(conn, event, _envelope(event))
    row = await _company(conn, company_id)
    by_company = standing.off_for == "company"
    changed = CompanyChanged(
        company_id=company_id, kind=row["kind"], firm_id=row["firm_id"], company=_legal(row),
        missing_legal_fields=["vat_number"] if standing.state == "incomplete" else [],
        apps=[a for a in APPS if not by_company or a not in standing.apps_off],
    )  # fmt: skip
    await projection.project_company(conn, changed, _envelope(changed))
    chosen = profiles["chosen"]
    assert chosen is not None
    await _hear_billing(conn, company_id, chosen, on=standing.state != "off")


async def _hear_administrator(conn: Connection, company_id: UUID, firm_id: UUID | None) -> None:
    row = await _company(conn, company_id)
    if row["firm_id"] != firm_id:
        event = CompanyChanged(
            company_id=company_id, kind=row["kind"], firm_id=firm_id, company=_legal(row),
            missing_legal_fields=row["state"]["missing_legal_fields"], apps=row["state"]["apps"],
        )  # fmt: skip
        await projection.project_company(conn, event, _envelope(event, LATER + 1))


async def _company(conn: Connection, company_id: UUID) -> Record:
    row = await conn.fetchrow(
        "SELECT kind, firm_id, state FROM access.companies WHERE company_id = $1", company_id
    )
    assert row is not None
    return row


async def _hear_member(conn: Connection, membership_id: UUID, standing: Standing) -> None:
    member = await conn.fetchrow(
        "SELECT membership_id, user_id, company_id, role, kind, rights, active, email, first_name, "
        "last_name, language FROM access.memberships WHERE membership_id = $1",
        membership_id,
    )
    assert member is not None
    profiles = await _profiles(conn, member["company_id"])
    rights = [right for right in ALL_RIGHTS if right not in standing.missing]
    external = member["kind"] in EXTERNAL
    if external:
        rights = [right for right in member["rights"] if right not in standing.missing]
    elif standing.profile != "none":
        rights = []  # all of them come with the profile
    apps = [a for a in APPS if standing.off_for == "company" or a not in standing.apps_off]
    changed = MembershipChanged.model_validate({
        **dict(member), "rights": rights, "apps": apps,
        "profile_id": None if external else profiles[standing.profile],
        "second_factor_due": standing.state == "strict",
    })  # fmt: skip
    await projection.project_membership(conn, changed, _envelope(changed))


def _legal(row: Record) -> Company:
    return Company.model_validate(
        {k: v for k, v in row["state"].items() if k in Company.model_fields}
    )


async def _hear_billing(conn: Connection, company_id: UUID, chosen: UUID, *, on: bool) -> None:
    kind: type[BillingEvent] = BillingEnabled if on else BillingDisabled
    profiles = [ProfileRef(profile_id=chosen, name=CHOSEN)]
    event = kind(company_id=company_id, firm_id=uuid4(), enabled=on, profiles=profiles)
    await projection.project_billing(conn, event, _envelope(event))


def _envelope(event: Event, version: int = LATER) -> Envelope:
    return Envelope(
        uuid4(), event.topic, 1, str(event.key), datetime.now(UTC), "/facteur/test", version,
        Actor(kind="system", id="test"), None, None, None,
    )  # fmt: skip
