"""Users of a company: create, change, remove; oneself: names, language, password."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from services.identity import announce
from services.identity.commands.attempts import Origin, confirm_password
from services.identity.commands.companies import may_administer
from services.identity.commands.invitations import Inviting, invite
from services.identity.commands.sessions import end_other_sessions
from services.identity.commands.standing import end_client_files, end_membership, tell_again
from services.identity.domain import access
from services.identity.domain.errors import (
    AlreadyAccepted,
    EmailTaken,
    ExternalUser,
    LastOwner,
    NoSeatLeft,
    NotOneself,
)
from services.identity.domain.passwords import hash_password, require_good, strength_of
from services.identity.store import companies, invitations, privacy, profiles, users
from services.identity.store.invitations import InvitationRow
from services.identity.store.users import MembershipRow, UserRow
from shared.access.guard import Principal
from shared.access.rights import USER_MANAGEMENT
from shared.clock import Clock
from shared.contracts.identity import CompanyKind, Role
from shared.database import Connection, Database
from shared.ids import new_id
from shared.problems import Invalid, NotFound


async def create_user(
    db: Database,
    caller: Principal,
    company_id: UUID,
    person: UserRow,
    role: Role,
    profile_id: UUID | None,
    apps: list[str],
    clock: Clock,
    inviting: Inviting,
) -> tuple[InvitationRow, str | None]:
    """Invite somebody (D4): the invitation, and its secret unless it goes by mail. He is a user once
    he accepts, with the account that he has or a new one; nothing here tells which."""
    async with db.system_transaction() as conn:
        company = await companies.lock(conn, company_id)
        may_administer(company, caller, USER_MANAGEMENT)
        assert company is not None  # noqa: S101 — may_administer refuses None
        if role == "owner":
            access.check_owner_maker(caller.rights, company.kind)
        await _check_profile(conn, caller, company_id, profile_id)
        if await users.is_member(conn, company_id, person.email) or await invitations.is_out(
            conn, company_id, person.email
        ):
            raise EmailTaken(errors=[{"field": "email", "message": "is a user already"}])
        if (left := await privacy.seats_left(conn, company_id)) is not None and left <= 0:
            raise NoSeatLeft
        row = InvitationRow(
            new_id(),
            company_id,
            person.user_id,
            person.email,
            person.first_name,
            person.last_name,
            person.language,
            role,
            profile_id,
            access.founder_rights(company.kind) if role == "owner" else [],
            access.apps_of(role, apps),
            clock() + inviting.lifetime,
        )
        return row, await invite(conn, row, company.legal.name, inviting, caller, clock)


async def invite_again(
    db: Database,
    caller: Principal,
    company_id: UUID,
    user_id: UUID,
    inviting: Inviting,
    clock: Clock,
) -> str | None:
    """Another invitation for somebody who hasn't used the first; the first is void. It is granted
    anew: by whoever could have sent it, and may be shown its link."""
    async with db.system_transaction() as conn:
        company = await companies.lock(conn, company_id)
        may_administer(company, caller, USER_MANAGEMENT)
        assert company is not None  # noqa: S101 — may_administer refuses None
        invited = await invitations.lock(conn, company_id, user_id)
        if invited is None:
            there = await users.lock_membership(conn, company_id, user_id)
            raise AlreadyAccepted if there is not None and there.active else NotFound
        if invited.role == "owner":
            access.check_owner_maker(caller.rights, company.kind)
        access.check_grant(caller.rights, invited.rights)
        await _check_profile(conn, caller, company_id, invited.profile_id)
        return await invite(conn, invited, company.legal.name, inviting, caller, clock, again=True)


async def change_member(
    db: Database, caller: Principal, company_id: UUID, user_id: UUID, changes: dict[str, Any]
) -> MembershipRow:
    """Change role, profile, rights or apps of another user; nobody changes himself (D3, D10)."""
    if user_id == caller.user_id:
        raise NotOneself
    async with db.system_transaction() as conn:
        company = await companies.lock(conn, company_id)
        may_administer(company, caller, USER_MANAGEMENT)
        assert company is not None  # noqa: S101 — may_administer refuses None
        invited = await invitations.lock(conn, company_id, user_id)
        if invited is not None:
            row, user = invited.membership, invited.person
        else:
            row, user = await _locked_member(conn, company_id, user_id)
        if row.kind != "internal":
            raise ExternalUser
        changed = _changed(row, changes, company.kind)
        if "owner" in (row.role, changed.role) and row != replace(changed, version=row.version):
            access.check_owner_maker(caller.rights, company.kind)
        access.check_grant(caller.rights, changed.rights, row.rights)
        if changed.profile_id != row.profile_id:
            await _check_profile(conn, caller, company_id, changed.profile_id)
        if invited is not None:
            await invitations.save(conn, _changed_invitation(invited, changed))
            return changed
        last = row.role == "owner" and await users.owners(conn, company_id) == 1
        if last and changed.role != "owner":
            raise LastOwner
        await users.save_membership(conn, changed)
        await announce.membership(conn, changed, user, caller.actor)
    return changed


def _changed(row: MembershipRow, changes: dict[str, Any], kind: CompanyKind) -> MembershipRow:
    """What is left out stays; an owner holds all rights and apps, a former one none but those given."""
    changed = replace(row, **changes, version=row.version + 1)
    rights = changed.rights
    if changed.role == "owner":
        rights = access.founder_rights(kind)
    elif row.role == "owner":
        rights = changes.get("rights", [])
    return replace(changed, rights=rights, apps=access.apps_of(changed.role, changed.apps))


def _changed_invitation(row: InvitationRow, changed: MembershipRow) -> InvitationRow:
    return replace(
        row,
        role=changed.role,
        profile_id=changed.profile_id,
        rights=changed.rights,
        apps=changed.apps,
    )


async def remove_member(
    db: Database, caller: Principal, company_id: UUID, user_id: UUID, clock: Clock
) -> None:
    """Take a user's access away, and that of the API keys he made, or an invitation back; the last
    owner stays."""
    if user_id == caller.user_id:
        raise NotOneself
    async with db.system_transaction() as conn:
        company = await companies.lock(conn, company_id)
        may_administer(company, caller, USER_MANAGEMENT)
        assert company is not None  # noqa: S101 — may_administer refuses None
        if (invited := await invitations.lock(conn, company_id, user_id)) is not None:
            if invited.role == "owner":
                access.check_owner_maker(caller.rights, company.kind)
            await invitations.remove(conn, invited.membership_id)
            await announce.action(
                conn, "invitation_withdrawn", user_id=caller.user_id, company_id=company_id,
                address="", detail=str(user_id),
            )  # fmt: skip
            return
        row, _ = await _locked_member(conn, company_id, user_id)
        if row.role == "owner":
            access.check_owner_maker(caller.rights, company.kind)
            if await users.owners(conn, company_id) == 1:
                raise LastOwner
        await end_membership(conn, row, caller.actor, clock)
        if company.kind == "firm" and row.kind == "internal":
            await end_client_files(conn, user_id, caller.actor, clock)


async def change_password(
    db: Database, caller: Principal, present: str, wanted: str, origin: Origin, clock: Clock
) -> None:
    """A new password, by the present one; every other session of the user ends."""
    require_good(wanted, "wanted")
    user = await confirm_password(db, caller, present, origin, clock)
    password_hash = await hash_password(wanted)
    strength = await strength_of(wanted, user.email, user.first_name, user.last_name)
    async with db.system_transaction() as conn:
        await users.set_password(conn, caller.user_id, password_hash, strength)
        await announce.action(
            conn,
            "password_changed",
            user_id=caller.user_id,
            company_id=caller.company_id,
            address=origin.address,
        )
    await end_other_sessions(db, caller.user_id, caller.session_id, clock)


async def change_oneself(
    db: Database, caller: Principal, first_name: str, last_name: str, language: str
) -> None:
    """Personal settings (D3): names and language, in every company one belongs to."""
    async with db.system_transaction() as conn:
        await users.rename(conn, caller.user_id, first_name, last_name, language)
        await tell_again(conn, caller.user_id, caller.actor)


async def _locked_member(
    conn: Connection, company_id: UUID, user_id: UUID
) -> tuple[MembershipRow, UserRow]:
    row = await users.lock_membership(conn, company_id, user_id)
    user = await users.by_id(conn, user_id)
    if row is None or user is None or not row.active:
        raise NotFound
    return row, user


async def _check_profile(
    conn: Connection, caller: Principal, company_id: UUID, profile_id: UUID | None
) -> None:
    """A profile of this company, whose rights the caller holds."""
    if profile_id is None:
        return
    row = await profiles.lock(conn, company_id, profile_id)
    if row is None or not row.active:
        raise Invalid(
            errors=[{"field": "profile_id", "message": "is not a profile of this company"}]
        )
    access.check_grant(caller.rights, row.rights)
