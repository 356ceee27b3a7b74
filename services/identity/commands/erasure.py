"""Erasing a person (S6): a pseudonym takes their place; issued documents stay as the law keeps them."""

from dataclasses import replace
from uuid import UUID

from services.identity import announce
from services.identity.commands.attempts import email_hash
from services.identity.commands.privacy import require_owner
from services.identity.commands.sessions import end_session
from services.identity.domain.errors import ExternalUser, NotOneself
from services.identity.store import persons, registrations, sessions, users
from services.identity.store.users import UserRow
from shared.access.guard import Principal
from shared.clock import Clock
from shared.database import Connection, Database
from shared.events import Actor
from shared.problems import Conflict, NotFound


async def erase_person(
    db: Database, caller: Principal, company_id: UUID, user_id: UUID, clock: Clock
) -> None:
    """Erase a user who belongs to this company alone, and has been removed from it. Who only looked
    into its file, an accountant or support, isn't the company's to erase."""
    require_owner(caller, company_id)
    if user_id == caller.user_id:
        raise NotOneself
    async with db.system_transaction() as conn:
        row = await users.lock_membership(conn, company_id, user_id)
        if row is None:
            raise NotFound
        if row.kind != "internal":
            raise ExternalUser
        if row.active:
            raise Conflict("Remove the user from the company first.", slug="still-a-user")
        if await users.memberships_of(conn, user_id):
            raise Conflict("This person works in another company too.", slug="used-elsewhere")
        for session in await sessions.open_ones(conn, user_id, clock()):
            await end_session(conn, session.session_id, user_id, clock())
        before = await _user(conn, user_id)
        await persons.erase(conn, user_id, clock())
        await persons.forget_address(conn, before.email, email_hash(before.email))
        await registrations.forget_of(conn, before.email)
        await _tell_everywhere(conn, await _user(conn, user_id), caller.actor)


async def _user(conn: Connection, user_id: UUID) -> UserRow:
    user = await users.by_id(conn, user_id)
    assert user is not None  # noqa: S101 — the membership refers to it
    return user


async def _tell_everywhere(conn: Connection, user: UserRow, actor: Actor) -> None:
    """The pseudonym to every company that the person was ever in, and into what was told before."""
    rows = await users.all_memberships_of(conn, user.user_id)
    told = {"email": user.email, "first_name": user.first_name, "last_name": user.last_name}
    await persons.blot_memberships(conn, [row.membership_id for row in rows], told)
    await persons.blot_actions(conn, user.user_id)
    for row in rows:
        changed = replace(row, version=row.version + 1)
        await users.save_membership(conn, changed)
        await announce.membership(conn, changed, user, actor)
