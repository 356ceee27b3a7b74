"""Who may look into a company's file: accountants (D6), support (D7), the mandatory second factor (D8)."""

from dataclasses import replace
from uuid import UUID

from services.identity import announce
from services.identity.commands.standing import end_membership
from services.identity.domain import access
from services.identity.domain.errors import (
    EmailTaken,
    NoSuchAccountant,
    OwnersOnly,
    PeopleOnly,
    SupportClosed,
    SupportOnly,
)
from services.identity.store import companies, factors, privacy, users
from services.identity.store.privacy import OpenCompany, PrivacyRow
from services.identity.store.users import MembershipRow
from shared.access.guard import Principal
from shared.access.rights import APPS
from shared.clock import Clock
from shared.contracts.identity import MembershipKind
from shared.database import Connection, Database
from shared.events import Actor
from shared.ids import new_id
from shared.problems import NotFound

MOST_COMPANIES = 50


def require_owner(caller: Principal, company_id: UUID) -> None:
    """Only an owner of that very company; NotFound for others' companies."""
    if caller.company_id != company_id:
        raise NotFound
    if caller.scopes is not None:
        raise PeopleOnly
    if caller.role != "owner" or caller.kind != "internal":
        raise OwnersOnly


async def change_privacy(
    db: Database,
    caller: Principal,
    company_id: UUID,
    *,
    support_access: bool,
    require_two_factor: bool,
    clock: Clock,
) -> PrivacyRow:
    """Set both switches. Switching support off ends the access of every support member at once;
    where a second factor is required, who has none reaches enrolling only, in this company alone."""
    require_owner(caller, company_id)
    async with db.system_transaction() as conn:
        await companies.lock(conn, company_id)
        before = await privacy.get(conn, company_id)
        row = PrivacyRow(company_id, support_access, require_two_factor)
        await privacy.save(conn, row)
        if before is not None and before.support_access and not support_access:
            await _end_support(conn, company_id, caller.actor, clock)
        if before is not None and require_two_factor != before.require_2fa:
            await _tell_unenrolled(conn, company_id, caller.actor)
        if before is not None and before != row:
            switches = {
                "support_access": (before.support_access, support_access),
                "require_two_factor": (before.require_2fa, require_two_factor),
            }
            await announce.action(
                conn,
                "privacy_changed",
                user_id=caller.user_id,
                company_id=company_id,
                address="",
                switches=switches,
            )
    return row


async def add_accountant(
    db: Database, caller: Principal, company_id: UUID, email: str
) -> MembershipRow:
    """Full access for an existing accountant account; an unknown e-mail creates nothing."""
    require_owner(caller, company_id)
    async with db.system_transaction() as conn:
        await companies.lock(conn, company_id)  # twice at once adds once
        user = await users.by_email(conn, email)
        if user is None or not await privacy.is_accountant(conn, user.user_id):
            raise NoSuchAccountant(errors=[{"field": "email", "message": NoSuchAccountant.__doc__}])
        existing = await users.lock_membership(conn, company_id, user.user_id)
        if existing is not None and existing.active:
            raise EmailTaken
        return await _open(conn, company_id, user.user_id, "accountant", caller.actor)


async def companies_open_to_support(
    db: Database, caller: Principal, text: str
) -> list[OpenCompany]:
    """The companies whose owners let support in, by name; for support staff alone."""
    async with db.system_transaction() as conn:
        if not await privacy.is_support(conn, caller.user_id):
            raise SupportOnly
        return await privacy.open_to_support(conn, caller.user_id, text, MOST_COMPANIES)


async def enter_as_support(
    db: Database, caller: Principal, company_id: UUID, address: str
) -> MembershipRow:
    """Support staff open a file whose owner let them; each time audited, refusals too."""
    async with db.system_transaction() as conn:
        if not await privacy.is_support(conn, caller.user_id):
            raise SupportOnly
        row = await privacy.get(conn, company_id)
    if row is None:
        raise NotFound
    try:
        return await _enter(db, caller, company_id, address)
    except SupportClosed:
        async with db.system_transaction() as conn:
            await _note(conn, "support_refused", caller.user_id, company_id, address)
        raise


async def leave_as_support(db: Database, caller: Principal, address: str, clock: Clock) -> None:
    """Support staff leave the file they are in."""
    async with db.system_transaction() as conn:
        row = await users.lock_membership(conn, caller.company_id, caller.user_id)
        if row is None or row.kind != "support":
            raise SupportOnly
        await end_membership(conn, row, caller.actor, clock)
        await _note(conn, "support_left", caller.user_id, caller.company_id, address)


async def _enter(db: Database, caller: Principal, company_id: UUID, address: str) -> MembershipRow:
    async with db.system_transaction() as conn:
        await companies.lock(conn, company_id)
        row = await privacy.get(conn, company_id)
        if row is None or not row.support_access:
            raise SupportClosed
        membership = await users.lock_membership(conn, company_id, caller.user_id)
        if membership is None or not membership.active:
            membership = await _open(conn, company_id, caller.user_id, "support", caller.actor)
        await _note(conn, "support_entered", caller.user_id, company_id, address)
    return membership


async def _note(
    conn: Connection, action: str, user_id: UUID, company_id: UUID, address: str
) -> None:
    await announce.action(conn, action, user_id=user_id, company_id=company_id, address=address)


async def _open(
    conn: Connection, company_id: UUID, user_id: UUID, kind: MembershipKind, actor: Actor
) -> MembershipRow:
    user = await users.by_id(conn, user_id)
    if user is None:
        raise NotFound
    rights = access.external_rights(kind)
    existing = await users.lock_membership(conn, company_id, user_id)
    if existing is None:
        row = MembershipRow(
            new_id(),
            company_id,
            user_id,
            "employee",
            kind,
            None,
            rights,
            list(APPS),
            active=True,
            version=1,
        )
        await users.add_membership(conn, row)
    else:
        row = replace(
            existing,
            role="employee",
            kind=kind,
            profile_id=None,
            active=True,
            rights=rights,
            apps=list(APPS),
            version=existing.version + 1,
        )
        await users.save_membership(conn, row)
    await announce.membership(conn, row, user, actor)
    return row


async def _tell_unenrolled(conn: Connection, company_id: UUID, actor: Actor) -> None:
    for member, user in await users.members(conn, company_id):
        if not await factors.enrolled(conn, user.user_id):
            row = replace(member, version=member.version + 1)
            await users.save_membership(conn, row)
            await announce.membership(conn, row, user, actor)


async def _end_support(conn: Connection, company_id: UUID, actor: Actor, clock: Clock) -> None:
    for member, _ in await users.members(conn, company_id):
        if member.kind == "support":
            await end_membership(conn, member, actor, clock)
