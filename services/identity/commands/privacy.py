"""Who may look into a company's file: accountants (D6), support (D7), the mandatory second factor (D8)."""

from dataclasses import replace
from uuid import UUID

from services.identity import announce
from services.identity.domain import access
from services.identity.domain.errors import EmailTaken, NoSuchAccountant, OwnersOnly, SupportClosed
from services.identity.store import companies, privacy, users
from services.identity.store.privacy import PrivacyRow
from services.identity.store.users import MembershipRow
from shared.access.guard import Principal
from shared.contracts.identity import MembershipKind
from shared.database import Connection, Database
from shared.events import Actor
from shared.ids import new_id
from shared.problems import Forbidden, NotFound


def require_owner(caller: Principal, company_id: UUID) -> None:
    """Only an owner of that very company; NotFound for others' companies."""
    if caller.company_id != company_id:
        raise NotFound
    if caller.scopes is not None:
        raise Forbidden("This is for owners in person, not for API keys.", slug="persons-only")
    if caller.role != "owner" or caller.kind != "internal":
        raise OwnersOnly


async def change_privacy(
    db: Database,
    caller: Principal,
    company_id: UUID,
    *,
    support_access: bool,
    require_two_factor: bool,
) -> PrivacyRow:
    """Set both switches; switching support off ends the access of every support member at once."""
    require_owner(caller, company_id)
    async with db.system_transaction() as conn:
        await companies.lock(conn, company_id)
        before = await privacy.get(conn, company_id)
        row = PrivacyRow(company_id, support_access, require_two_factor)
        await privacy.save(conn, row)
        if before is not None and before.support_access and not support_access:
            await _end_support(conn, company_id, caller.actor)
        if before is not None and before != row:
            detail = f"support={support_access} two_factor={require_two_factor}"
            await announce.action(
                conn,
                "privacy_changed",
                user_id=caller.user_id,
                company_id=company_id,
                address="",
                detail=detail,
            )
    return row


async def add_accountant(
    db: Database, caller: Principal, company_id: UUID, email: str
) -> MembershipRow:
    """Full access for an existing accountant account; an unknown e-mail creates nothing."""
    require_owner(caller, company_id)
    async with db.system_transaction() as conn:
        user = await users.by_email(conn, email)
        if user is None or not await privacy.is_accountant(conn, user.user_id):
            raise NoSuchAccountant(errors=[{"field": "email", "message": NoSuchAccountant.__doc__}])
        existing = await users.lock_membership(conn, company_id, user.user_id)
        if existing is not None and existing.active:
            raise EmailTaken
        return await _open(conn, company_id, user.user_id, "accountant", caller.actor)


async def enter_as_support(db: Database, caller: Principal, company_id: UUID) -> MembershipRow:
    """Support staff open a file whose owner let them; each time audited."""
    async with db.system_transaction() as conn:
        if not await privacy.is_support(conn, caller.user_id):
            raise Forbidden("Only support staff may do this.")
        row = await privacy.get(conn, company_id)
        if row is None or not row.support_access:
            raise SupportClosed
        membership = await users.lock_membership(conn, company_id, caller.user_id)
        if membership is None or not membership.active:
            membership = await _open(conn, company_id, caller.user_id, "support", caller.actor)
        await announce.action(
            conn, "support_entered", user_id=caller.user_id, company_id=company_id, address=""
        )
    return membership


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
            list(access.APPS),
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
            apps=list(access.APPS),
            version=existing.version + 1,
        )
        await users.save_membership(conn, row)
    await announce.membership(conn, row, user, actor)
    return row


async def _end_support(conn: Connection, company_id: UUID, actor: Actor) -> None:
    for member, user in await users.members(conn, company_id):
        if member.kind == "support":
            row = replace(member, active=False, version=member.version + 1)
            await users.save_membership(conn, row)
            await announce.membership(conn, row, user, actor)
