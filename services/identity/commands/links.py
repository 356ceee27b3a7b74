"""Links in letters: an invitation, or a new password for whoever forgot it. Looked up before anything
is hashed, used once; what somebody signs in with is set by whoever holds the letter."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from services.identity import announce
from services.identity.commands import mail
from services.identity.commands.invitations import Inviting, attach
from services.identity.commands.sessions import end_sessions_but
from services.identity.domain.errors import HasAccount, InvitationOver, SignInToAccept
from services.identity.domain.passwords import hash_password, require_good, strength_of
from services.identity.domain.secrets import hash_secret
from services.identity.store import companies, invitations, users
from services.identity.store.invitations import InvitationRow
from services.identity.store.users import UserRow
from shared.clock import Clock
from shared.database import Connection, Database

RESET_WITHIN = timedelta(hours=1)
ONCE_IN = timedelta(minutes=1)


@dataclass(frozen=True)
class Link:
    """What a link is for."""

    kind: Literal["password", "new", "offer"]
    """A forgotten password; an invitation to an address without an account; to one that has one."""
    user: UserRow
    invitation: InvitationRow | None = None
    company: str = ""


async def forgotten_password(db: Database, email: str, inviting: Inviting, clock: Clock) -> None:
    """Send a link that sets a new password, to whoever has an account; nothing to anybody else, and
    no more than one a minute."""
    async with db.system_transaction() as conn:
        user = await users.by_email(conn, email)
        if user is None or user.password_hash is None or not inviting.by_mail:
            return
        secret, now = secrets.token_urlsafe(32), clock()
        expires = now + RESET_WITHIN
        if not await invitations.reset(
            conn, user.user_id, hash_secret(secret), expires, expires - ONCE_IN
        ):
            return
        await mail.send(
            conn,
            inviting.box,
            mail.RESET,
            recipient=user.email,
            language=user.language,
            clock=clock,
            name=user.first_name,
            link=f"{inviting.portal_url}/invitation/{secret}",
        )


async def look(db: Database, secret: str, clock: Clock) -> Link:
    """What the link is for; InvitationOver when it was used, has expired, or never was."""
    async with db.system_transaction() as conn:
        return await _link(conn, secret, clock)


async def follow(
    db: Database, secret: str, password: str | None, clock: Clock, *, by_mail: bool
) -> None:
    """Do what the link is for, once. A password that is set ends the sessions opened with the old
    one; a second factor stays. Who has an account accepts with it: a link that came by mail proves
    the address, one that the company was shown proves nothing."""
    link = await look(db, secret, clock)
    if link.kind == "offer":
        await _accept(db, secret, password, clock, by_mail=by_mail)
        return
    require_good(password or "")
    assert password is not None  # noqa: S101 — an empty one is wrong
    hashed = await hash_password(password)
    about = (link.user.email, link.user.first_name, link.user.last_name, link.company)
    strength = await strength_of(password, *about)
    async with db.system_transaction() as conn:
        link = await _link(conn, secret, clock)
        if link.kind == "offer":
            raise HasAccount
        await _set_password(conn, link, hashed, strength, clock)


async def _accept(
    db: Database, secret: str, password: str | None, clock: Clock, *, by_mail: bool
) -> None:
    if not by_mail:
        raise SignInToAccept
    if password is not None:
        raise HasAccount
    async with db.system_transaction() as conn:
        link = await _link(conn, secret, clock)
        if link.invitation is not None:
            await attach(conn, link.invitation, link.user)


async def _set_password(
    conn: Connection, link: Link, hashed: str, strength: int, clock: Clock
) -> None:
    user = link.user
    new = link.invitation is not None and await users.by_id(conn, user.user_id) is None
    if new and not await users.add_user(conn, user, clock()):
        raise HasAccount
    await users.set_password(conn, user.user_id, hashed, strength)
    if link.invitation is not None:
        await attach(conn, link.invitation, user)
    await invitations.forget_reset(conn, user.user_id)
    await end_sessions_but(conn, user.user_id, None, clock())
    await announce.action(conn, "password_set", user_id=user.user_id, company_id=None, address="")


async def _link(conn: Connection, secret: str, clock: Clock) -> Link:
    hashed = hash_secret(secret)
    if (user_id := await invitations.reset_of(conn, hashed, clock())) is not None:
        user = await users.by_id(conn, user_id)
        assert user is not None  # noqa: S101 — the link refers to it
        return Link("password", user)
    row = await invitations.by_secret(conn, hashed, clock())
    if row is None:
        raise InvitationOver
    known, company = (
        await users.by_email(conn, row.email),
        await companies.get(conn, row.company_id),
    )
    name = company.legal.name if company else ""
    if known is None:
        return Link("new", row.person, row, name)
    # an account without a password is one that has never been used
    return Link("offer" if known.password_hash else "new", known, row, name)
