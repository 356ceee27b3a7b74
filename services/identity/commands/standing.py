"""Where a person stands in every company: told anew when it changes, ended where its reason is gone."""

from dataclasses import replace
from uuid import UUID

from services.identity import announce
from services.identity.store import api_keys, privacy, users
from services.identity.store.users import MembershipRow
from shared.clock import Clock
from shared.database import Connection
from shared.events import Actor


async def tell_again(conn: Connection, user_id: UUID, actor: Actor) -> None:
    """`membership.changed` of every company that the person has access to: a name, or whether a
    second factor is due, has changed."""
    user = await users.by_id(conn, user_id)
    assert user is not None  # noqa: S101 — a person is never deleted
    for membership in await users.memberships_of(conn, user_id):
        row = await users.lock_membership(conn, membership.company_id, user_id)
        if row is not None and row.active:
            changed = replace(row, version=row.version + 1)
            await users.save_membership(conn, changed)
            await announce.membership(conn, changed, user, actor)


async def end_membership(
    conn: Connection, row: MembershipRow, actor: Actor, clock: Clock
) -> MembershipRow:
    """No access any more, by token or by a key that was made with it."""
    user = await users.by_id(conn, row.user_id)
    assert user is not None  # noqa: S101 — the membership refers to it
    ended = replace(row, active=False, version=row.version + 1)
    await users.save_membership(conn, ended)
    await announce.membership(conn, ended, user, actor)
    for key in await api_keys.revoke_all_of(conn, row.membership_id, clock()):
        await announce.revoked(conn, key.session_id, key.user_id, clock(), actor)
    return ended


async def end_files(conn: Connection, user_id: UUID, kind: str, actor: Actor, clock: Clock) -> int:
    """Every file that the person looks into as `kind`; returns how many there were."""
    found = [row for row in await users.memberships_of(conn, user_id) if row.kind == kind]
    for membership in found:
        row = await users.lock_membership(conn, membership.company_id, user_id)
        if row is not None and row.active:
            await end_membership(conn, row, actor, clock)
    return len(found)


async def end_client_files(conn: Connection, user_id: UUID, actor: Actor, clock: Clock) -> None:
    """An accountant who has left his last firm has no clients (D6)."""
    if not await privacy.is_accountant(conn, user_id):
        await end_files(conn, user_id, "accountant", actor, clock)


async def set_support(
    conn: Connection, email: str, actor: Actor, clock: Clock, *, on: bool
) -> bool:
    """Make somebody one of support staff, or no longer: then every file that he is in closes. False
    when there is no such account."""
    user = await users.by_email(conn, email)
    if user is None:
        return False
    await privacy.make_support(conn, user.email, on=on)
    if not on:
        await end_files(conn, user.user_id, "support", actor, clock)
    return True
