"""Invitations: a secret that sets a new user's password, once, until it expires; sent by mail."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from services.identity import announce
from services.identity.commands import mail
from services.identity.commands.companies import may_administer
from services.identity.commands.sessions import end_session
from services.identity.domain.errors import AlreadyAccepted, InvitationOver, WeakPassword
from services.identity.domain.passwords import hash_password, strength_of, wrong_password
from services.identity.domain.secrets import hash_secret
from services.identity.store import companies, sessions, users
from services.identity.store.users import UserRow
from shared.access.guard import Principal
from shared.access.rights import USER_MANAGEMENT
from shared.clock import Clock
from shared.database import Connection, Database
from shared.problems import NotFound
from shared.secretbox import SecretBox

RESET_WITHIN = timedelta(hours=1)
ONCE_IN = timedelta(minutes=1)


@dataclass(frozen=True)
class Inviting:
    """How invitations are made."""

    lifetime: timedelta
    portal_url: str
    by_mail: bool
    """Without a mail server whoever invites is shown the link; with one, nobody but the invited sees it."""
    box: SecretBox


async def invite(
    conn: Connection, user: UserRow, company_name: str, inviting: Inviting, clock: Clock
) -> str | None:
    """A new invitation in the place of any other; its secret, unless it goes by mail."""
    secret = secrets.token_urlsafe(32)
    expires = clock() + inviting.lifetime
    await sessions.invite(conn, user.user_id, hash_secret(secret), expires)
    if not inviting.by_mail:
        return secret
    await mail.send(
        conn,
        inviting.box,
        mail.INVITATION,
        recipient=user.email,
        language=user.language,
        clock=clock,
        name=user.first_name,
        company=company_name,
        link=f"{inviting.portal_url}/invitation/{secret}",
        days=str(inviting.lifetime.days),
    )
    return None


async def invite_again(
    db: Database,
    caller: Principal,
    company_id: UUID,
    user_id: UUID,
    inviting: Inviting,
    clock: Clock,
) -> str | None:
    """Another invitation for somebody who hasn't used the first; the first is void."""
    async with db.system_transaction() as conn:
        company = await companies.lock(conn, company_id)
        may_administer(company, caller, USER_MANAGEMENT)
        row = await users.lock_membership(conn, company_id, user_id)
        user = await users.by_id(conn, user_id)
        if company is None or row is None or not row.active or user is None:
            raise NotFound
        if user.password_hash is not None:
            raise AlreadyAccepted
        secret = await invite(conn, user, company.legal.name, inviting, clock)
        await announce.action(
            conn,
            "invitation_sent",
            user_id=caller.user_id,
            company_id=company_id,
            address="",
            detail=str(user_id),
        )
    return secret


async def forgotten_password(db: Database, email: str, inviting: Inviting, clock: Clock) -> None:
    """Send a link that sets a new password, to whoever has an account; nothing to anybody else, and
    no more than one a minute."""
    async with db.system_transaction() as conn:
        user = await users.by_email(conn, email)
        if user is None or not inviting.by_mail:
            return
        secret, now = secrets.token_urlsafe(32), clock()
        expires = now + RESET_WITHIN
        if not await sessions.reset(
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


async def accept_invitation(db: Database, secret: str, password: str, clock: Clock) -> None:
    """Set the password of an invited user, or of one who forgot it; single use. Sessions that were
    opened with the old one end; a second factor stays."""
    if problem := wrong_password(password):
        raise WeakPassword(errors=[{"field": "password", "message": problem}])
    password_hash = await hash_password(password)
    strength = await strength_of(password)
    async with db.system_transaction() as conn:
        user_id = await sessions.take_invitation(conn, hash_secret(secret), clock())
        if user_id is None:
            raise InvitationOver
        await users.set_password(conn, user_id, password_hash, strength)
        for session in await sessions.open_ones(conn, user_id, clock()):
            await end_session(conn, session.session_id, user_id, clock())
        await announce.action(conn, "password_set", user_id=user_id, company_id=None, address="")
