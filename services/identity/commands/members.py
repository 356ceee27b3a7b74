"""Users of a company: create, change, remove; profiles."""

import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from services.identity import announce
from services.identity.commands import mail
from services.identity.commands.attempts import Origin, confirm_password
from services.identity.commands.companies import may_administer
from services.identity.commands.sessions import end_other_sessions
from services.identity.domain import access
from services.identity.domain.errors import (
    EmailTaken,
    InvitationOver,
    LastOwner,
    NoSeatLeft,
    NotOneself,
    WeakPassword,
)
from services.identity.domain.passwords import (
    hash_password,
    strength_of,
    wrong_password,
)
from services.identity.domain.secrets import hash_secret
from services.identity.store import companies, privacy, profiles, sessions, users
from services.identity.store.users import MembershipRow, UserRow
from shared.access.guard import Principal
from shared.access.rights import USER_MANAGEMENT
from shared.clock import Clock
from shared.contracts.identity import Role
from shared.database import Connection, Database
from shared.ids import new_id
from shared.problems import Forbidden, Invalid, NotFound
from shared.secretbox import SecretBox


@dataclass(frozen=True)
class Inviting:
    """How invitations are made."""

    lifetime: timedelta
    portal_url: str
    by_mail: bool
    box: SecretBox


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
) -> tuple[MembershipRow, str | None]:
    """Create and attach a user (D4); returns the membership and, for a new account, its invitation.

    The invitation is a secret that sets the password, once, until it expires. A person who has an
    account already is attached with it and keeps the password.
    """
    async with db.system_transaction() as conn:
        company = await companies.lock(conn, company_id)
        may_administer(company, caller, USER_MANAGEMENT)
        await _check_profile(conn, company_id, profile_id)
        if (left := await privacy.seats_left(conn, company_id)) is not None and left <= 0:
            raise NoSeatLeft
        known = await users.by_email(conn, person.email)
        user = known or person
        secret = None
        if known is None:
            await users.add_user(conn, person, clock())
            secret = secrets.token_urlsafe(32)
            expires = clock() + inviting.lifetime
            await sessions.invite(conn, person.user_id, hash_secret(secret), expires)
            if inviting.by_mail and company is not None:
                await mail.invite(
                    conn,
                    inviting.box,
                    recipient=person.email,
                    name=person.first_name,
                    company=company.legal.name,
                    link=f"{inviting.portal_url}/invitation/{secret}",
                    language=person.language,
                    days=inviting.lifetime.days,
                    clock=clock,
                )
        row = await _attach(conn, company_id, user, role, profile_id, apps)
        await announce.membership(conn, row, user, caller.actor)
    return row, secret


async def _attach(
    conn: Connection,
    company_id: UUID,
    user: UserRow,
    role: Role,
    profile_id: UUID | None,
    apps: list[str],
) -> MembershipRow:
    existing = await users.lock_membership(conn, company_id, user.user_id)
    rights = access.founder_rights("company") if role == "owner" else []
    if existing is None:
        row = MembershipRow(
            new_id(),
            company_id,
            user.user_id,
            role,
            "internal",
            profile_id,
            rights,
            access.apps_of(role, apps),
            active=True,
            version=1,
        )
        await users.add_membership(conn, row)
        return row
    if existing.active:
        raise EmailTaken
    row = replace(
        existing,
        role=role,
        profile_id=profile_id,
        rights=rights,
        apps=access.apps_of(role, apps),
        active=True,
        version=existing.version + 1,
    )
    await users.save_membership(conn, row)
    return row


async def change_member(
    db: Database, caller: Principal, company_id: UUID, user_id: UUID, changes: dict[str, object]
) -> MembershipRow:
    """Change role, profile, rights or apps of another user; nobody changes himself (D3, D10)."""
    if user_id == caller.user_id:
        raise NotOneself
    async with db.system_transaction() as conn:
        company = await companies.get(conn, company_id)
        may_administer(company, caller, USER_MANAGEMENT)
        row, user = await _locked_member(conn, company_id, user_id)
        if "rights" in changes and not set(changes["rights"]) <= caller.rights | set(row.rights):  # type: ignore[call-overload]
            raise Forbidden("You can only grant rights that you hold yourself.")
        await _check_profile(conn, company_id, changes.get("profile_id"))  # type: ignore[arg-type]
        changed = replace(row, **changes, version=row.version + 1)  # type: ignore[arg-type]
        changed = replace(changed, apps=access.apps_of(changed.role, changed.apps))
        if (
            row.role == "owner"
            and changed.role != "owner"
            and await users.owners(conn, company_id) == 1
        ):
            raise LastOwner
        await users.save_membership(conn, changed)
        await announce.membership(conn, changed, user, caller.actor)
    return changed


async def remove_member(db: Database, caller: Principal, company_id: UUID, user_id: UUID) -> None:
    """Take a user's access away; the last owner stays."""
    if user_id == caller.user_id:
        raise NotOneself
    async with db.system_transaction() as conn:
        await companies.lock(conn, company_id)
        may_administer(await companies.get(conn, company_id), caller, USER_MANAGEMENT)
        row, user = await _locked_member(conn, company_id, user_id)
        if row.role == "owner" and await users.owners(conn, company_id) == 1:
            raise LastOwner
        changed = replace(row, active=False, version=row.version + 1)
        await users.save_membership(conn, changed)
        await announce.membership(conn, changed, user, caller.actor)


async def accept_invitation(db: Database, secret: str, password: str, clock: Clock) -> None:
    """Set the password of an invited user; single use."""
    if problem := wrong_password(password):
        raise WeakPassword(errors=[{"field": "password", "message": problem}])
    password_hash = await hash_password(password)
    strength = await strength_of(password)
    async with db.system_transaction() as conn:
        user_id = await sessions.take_invitation(conn, hash_secret(secret), clock())
        if user_id is None:
            raise InvitationOver
        await users.set_password(conn, user_id, password_hash, strength)


async def change_password(
    db: Database, caller: Principal, present: str, wanted: str, origin: Origin, clock: Clock
) -> None:
    """A new password, by the present one; every other session of the user ends."""
    if problem := wrong_password(wanted):
        raise WeakPassword(errors=[{"field": "wanted", "message": problem}])
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
        user = await users.by_id(conn, caller.user_id)
        assert user is not None  # noqa: S101 — the caller exists
        for membership in await users.memberships_of(conn, caller.user_id):
            row = await users.lock_membership(conn, membership.company_id, caller.user_id)
            if row is not None:
                changed = replace(row, version=row.version + 1)
                await users.save_membership(conn, changed)
                await announce.membership(conn, changed, user, caller.actor)


async def save_profile(
    db: Database,
    caller: Principal,
    company_id: UUID,
    profile_id: UUID | None,
    name: str,
    rights: list[str],
) -> profiles.ProfileRow:
    """Create (`profile_id` None) or change a profile (D11)."""
    async with db.system_transaction() as conn:
        company = await companies.lock(conn, company_id)
        may_administer(company, caller, USER_MANAGEMENT)
        existing = await profiles.lock(conn, company_id, profile_id) if profile_id else None
        if profile_id and existing is None:
            raise NotFound
        held = caller.rights | set(existing.rights if existing else [])
        if not set(rights) <= held:
            raise Forbidden("You can only grant rights that you hold yourself.")
        if existing is None:
            row = profiles.ProfileRow(new_id(), company_id, name, rights, active=True, version=1)
            await profiles.add(conn, row)
        else:
            row = replace(existing, name=name, rights=rights, version=existing.version + 1)
            await profiles.save(conn, row)
        await announce.profile(conn, row, caller.actor)
    return row


async def _locked_member(
    conn: Connection, company_id: UUID, user_id: UUID
) -> tuple[MembershipRow, UserRow]:
    row = await users.lock_membership(conn, company_id, user_id)
    user = await users.by_id(conn, user_id)
    if row is None or user is None or not row.active:
        raise NotFound
    return row, user


async def _check_profile(conn: Connection, company_id: UUID, profile_id: UUID | None) -> None:
    if profile_id is None:
        return
    if await profiles.lock(conn, company_id, profile_id) is None:
        raise Invalid(
            errors=[{"field": "profile_id", "message": "is not a profile of this company"}]
        )
