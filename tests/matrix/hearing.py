"""The services hear that everybody's standing is another, from events as identity and the portal send."""

import base64
import json
from datetime import UTC, datetime
from uuid import UUID, uuid4

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


async def hear(cast: Cast, standing: Standing) -> None:
    """All four services; to be undone by the caller."""
    memberships = {_membership(cast.people[role]) for role in ROLES}
    for database in cast.app.databases.values():
        async with database.system_transaction() as conn:
            for membership in memberships:
                await _hear_member(conn, membership, standing)


def _membership(person: Person) -> UUID:
    payload = person.token.split(".")[1]
    return UUID(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["mid"])


async def _hear_member(conn: Connection, membership_id: UUID, standing: Standing) -> None:
    member = await conn.fetchrow(
        "SELECT membership_id, user_id, company_id, role, kind, rights, active, email, first_name, "
        "last_name, language FROM access.memberships WHERE membership_id = $1",
        membership_id,
    )
    assert member is not None
    company = member["company_id"]
    chosen = await conn.fetchval(
        "SELECT profile_ids[1] FROM access.billing WHERE company_id = $1", company
    )
    another = await conn.fetchval(
        "SELECT profile_id FROM access.profiles WHERE company_id = $1 AND name = 'Assistant'",
        company,
    )
    profile = {"chosen": chosen, "another": another, "none": None}
    rights = [right for right in ALL_RIGHTS if right not in standing.missing]
    for name, profile_id in (("Gérant", chosen), ("Assistant", profile["another"])):
        event = ProfileChanged(profile_id=profile_id, company_id=company, name=name, rights=rights,
                               active=True)  # fmt: skip
        await projection.project_profile(conn, event, _envelope(event))
    await _hear_company(conn, company, standing)
    await _hear_billing(conn, company, chosen, on=standing.company != "off")
    external = member["kind"] in EXTERNAL
    if external:
        rights = [right for right in member["rights"] if right not in standing.missing]
    elif standing.profile != "none":
        rights = []  # all of them come with the profile
    apps = [a for a in APPS if standing.off_for == "company" or a not in standing.apps_off]
    changed = MembershipChanged.model_validate({
        **dict(member), "rights": rights, "apps": apps,
        "profile_id": None if external else profile[standing.profile],
        "second_factor_due": standing.company == "strict",
    })  # fmt: skip
    await projection.project_membership(conn, changed, _envelope(changed))


async def _hear_company(conn: Connection, company_id: UUID, standing: Standing) -> None:
    row = await conn.fetchrow(
        "SELECT kind, firm_id, state FROM access.companies WHERE company_id = $1", company_id
    )
    assert row is not None
    by_company = standing.off_for == "company"
    event = CompanyChanged(
        company_id=company_id, kind=row["kind"], firm_id=row["firm_id"], company=_legal(row),
        missing_legal_fields=["vat_number"] if standing.company == "incomplete" else [],
        apps=[a for a in APPS if not by_company or a not in standing.apps_off],
    )  # fmt: skip
    await projection.project_company(conn, event, _envelope(event))


def _legal(row: Record) -> Company:
    return Company.model_validate(
        {k: v for k, v in row["state"].items() if k in Company.model_fields}
    )


async def _hear_billing(conn: Connection, company_id: UUID, chosen: UUID, *, on: bool) -> None:
    kind: type[BillingEvent] = BillingEnabled if on else BillingDisabled
    profiles = [ProfileRef(profile_id=chosen, name="Gérant")]
    event = kind(company_id=company_id, firm_id=uuid4(), enabled=on, profiles=profiles)
    await projection.project_billing(conn, event, _envelope(event))


def _envelope(event: Event) -> Envelope:
    return Envelope(
        uuid4(), event.topic, 1, str(event.key), datetime.now(UTC), "/facteur/test", LATER,
        Actor(kind="system", id="test"), None, None, None,
    )  # fmt: skip
