"""Registering companies and keeping their legal information."""

from dataclasses import dataclass, replace
from uuid import UUID

from services.identity import announce
from services.identity.domain import access
from services.identity.domain.errors import (
    HAS_ACCOUNT,
    EmailTaken,
    LegalInformationWrong,
    ParticipantTaken,
    PeopleOnly,
)
from services.identity.domain.legal import wrong_fields
from services.identity.store import companies, profiles, users
from services.identity.store.companies import CompanyRow
from services.identity.store.users import UserRow
from shared.access.guard import Principal
from shared.access.rights import COMPANY_SETTINGS, USER_MANAGEMENT
from shared.clock import Clock
from shared.contracts.identity import Company, CompanyKind
from shared.database import Connection, Database
from shared.events import Actor
from shared.ids import new_id
from shared.problems import Forbidden, NotFound


@dataclass(frozen=True)
class Founder:
    """Who registers a company: its first owner."""

    email: str
    password_hash: str
    password_strength: int
    first_name: str
    last_name: str
    language: str


async def add_founder(conn: Connection, founder: Founder, clock: Clock) -> UserRow:
    """The account of somebody who has none."""
    user = UserRow(
        new_id(),
        founder.email,
        founder.first_name,
        founder.last_name,
        founder.language,
        founder.password_hash,
    )
    if not await users.add_user(conn, user, clock()):
        raise EmailTaken(HAS_ACCOUNT)
    await users.set_password(conn, user.user_id, founder.password_hash, founder.password_strength)
    return user


async def found_company(
    conn: Connection, kind: CompanyKind, legal: Company, user: UserRow, clock: Clock
) -> CompanyRow:
    """A company and its first owner (D1)."""
    actor = Actor(kind="user", id=str(user.user_id))
    row = await add_company(conn, kind, None, legal, actor, clock)
    profile_id = await profiles.named(conn, row.company_id, access.FOUNDER_PROFILE)
    membership = users.MembershipRow(
        new_id(),
        row.company_id,
        user.user_id,
        "owner",
        "internal",
        profile_id,
        access.founder_rights(kind),
        access.apps_of("owner", []),
        active=True,
        version=1,
    )
    await users.add_membership(conn, membership)
    await announce.membership(conn, membership, user, actor)
    return row


async def create_managed_company(
    db: Database, caller: Principal, legal: Company, clock: Clock
) -> CompanyRow:
    """A company whose portal the caller's firm administers."""
    if not caller.of_firm:
        raise Forbidden("Only a firm administers other companies.")
    caller.require(COMPANY_SETTINGS)
    check_legal(legal)
    async with db.system_transaction() as conn:
        return await add_company(conn, "company", caller.company_id, legal, caller.actor, clock)


async def add_company(
    conn: Connection,
    kind: CompanyKind,
    firm_id: UUID | None,
    legal: Company,
    actor: Actor,
    clock: Clock,
) -> CompanyRow:
    """The company, its default profiles, and the news of both."""
    company_id = new_id()
    await claim_participant(conn, legal, company_id)
    row = await companies.add(conn, company_id, kind, firm_id, legal, clock())
    await announce.company(conn, row, actor, registered=True)
    for name, rights in access.DEFAULT_PROFILES.items():
        profile = profiles.ProfileRow(
            new_id(), row.company_id, name, list(rights), active=True, version=1
        )
        await profiles.add(conn, profile)
        await announce.profile(conn, profile, actor)
    return row


async def change_legal_information(
    db: Database, caller: Principal, company_id: UUID, legal: Company
) -> CompanyRow:
    """Replace the legal information (D2); fields that are filled in must be right."""
    check_legal(legal)
    async with db.system_transaction() as conn:
        row = await companies.lock(conn, company_id)
        may_administer(row, caller, COMPANY_SETTINGS)
        assert row is not None  # noqa: S101 — may_administer refuses None
        if legal.peppol_id.lower() != row.legal.peppol_id.lower():
            await claim_participant(conn, legal, company_id)
        version = await companies.set_legal(conn, company_id, legal)
        changed = replace(row, legal=legal, version=version)
        await announce.company(conn, changed, caller.actor)
    return changed


async def change_apps(
    db: Database, caller: Principal, company_id: UUID, apps: list[str]
) -> CompanyRow:
    """Switch apps on and off for the whole company (P7)."""
    async with db.system_transaction() as conn:
        row = await companies.lock(conn, company_id)
        may_administer(row, caller, COMPANY_SETTINGS)
        assert row is not None  # noqa: S101 — may_administer refuses None
        wanted = access.company_apps(apps)
        if wanted == row.apps:
            return row
        version = await companies.set_apps(conn, company_id, wanted)
        changed = replace(row, apps=wanted, version=version)
        await announce.company(conn, changed, caller.actor)
    return changed


def may_administer(row: CompanyRow | None, caller: Principal, right: str) -> None:
    """The company's own people, or its firm's, holding `right`; NotFound for everybody else."""
    if row is None or not reaches(row, caller):
        raise NotFound
    if right == USER_MANAGEMENT and caller.scopes is not None:
        raise PeopleOnly
    caller.require(right)


def reaches(row: CompanyRow, caller: Principal) -> bool:
    """Whether it is the company that the caller works in, or one that his firm administers."""
    return caller.company_id == row.company_id or (
        caller.of_firm and caller.company_id == row.firm_id
    )


async def claim_participant(conn: Connection, legal: Company, company_id: UUID) -> None:
    """ParticipantTaken when another company receives at this Peppol address. That is no secret: the
    network itself tells everybody who receives where."""
    if legal.peppol_id:
        await companies.hold_participant(conn, legal.peppol_id)
        if await companies.has_participant(conn, legal.peppol_id, company_id):
            raise ParticipantTaken(
                errors=[{"field": "peppol_id", "message": ParticipantTaken.__doc__}]
            )


def check_legal(legal: Company) -> None:
    """LegalInformationWrong names every field that is filled in wrongly."""
    wrong = wrong_fields(legal)
    if not legal.name.strip():
        wrong["name"] = "must be filled in"
    if wrong:
        raise LegalInformationWrong(errors=[{"field": f, "message": m} for f, m in wrong.items()])
