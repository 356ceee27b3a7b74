"""Signing in and out; tokens."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.identity import announce
from services.identity.commands.keys import signing_key
from services.identity.domain.errors import TooManyAttempts, WrongCredentials
from services.identity.domain.passwords import verify_password
from services.identity.domain.secrets import hash_secret
from services.identity.store import sessions, users
from shared.access import tokens
from shared.clock import Clock
from shared.database import Database
from shared.events import Actor
from shared.ids import new_id
from shared.problems import NotFound, Unauthenticated
from shared.secretbox import SecretBox

WINDOW = timedelta(minutes=5)


@dataclass(frozen=True)
class SignedIn:
    """A new session; `secret` is shown once."""

    session_id: UUID
    user_id: UUID
    secret: str
    expires_at: datetime


@dataclass(frozen=True)
class Token:
    access_token: str
    expires_at: datetime
    membership_id: UUID
    company_id: UUID


async def sign_in(
    db: Database,
    email: str,
    password: str,
    address: str,
    clock: Clock,
    lifetime: timedelta,
    limit: int,
) -> SignedIn:
    """Open a session; the same answer and time for an unknown e-mail and a wrong password."""
    async with db.system_transaction() as conn:
        if await sessions.failures(conn, address, clock() - WINDOW) >= limit:
            raise TooManyAttempts(headers={"Retry-After": str(int(WINDOW.total_seconds()))})
        user = await users.by_email(conn, email)
    right = await verify_password(user.password_hash if user else None, password)
    now = clock()
    async with db.system_transaction() as conn:
        if user is None or not right:
            email_hash = hashlib.sha256(email.lower().encode()).digest()
            await sessions.add_failure(conn, address, email_hash, now)
            await announce.action(
                conn, "sign_in_refused", user_id=None, company_id=None, address=address
            )
        else:
            secret = secrets.token_urlsafe(32)
            row = sessions.SessionRow(new_id(), user.user_id, now + lifetime)
            await sessions.add(conn, row, hash_secret(secret), now)
            await announce.action(
                conn, "signed_in", user_id=user.user_id, company_id=None, address=address
            )
    if user is None or not right:
        raise WrongCredentials
    return SignedIn(row.session_id, user.user_id, secret, row.expires_at)


async def issue_token(
    db: Database, box: SecretBox, secret: str, company_id: UUID | None, clock: Clock
) -> Token:
    """A ten-minute token for one of the session's companies; the only one when there is one."""
    async with db.system_transaction() as conn:
        session = await sessions.by_secret(conn, hash_secret(secret), clock())
        if session is None:
            raise Unauthenticated("The session has ended; sign in again.")
        open_to = await users.memberships_of(conn, session.user_id)
        chosen = [m for m in open_to if company_id in (None, m.company_id)]
        if not chosen:
            raise NotFound("You have no access to that company.")
        key = await signing_key(conn, box, clock)
    now = clock()
    claims = tokens.Claims(
        user_id=session.user_id,
        session_id=session.session_id,
        membership_id=chosen[0].membership_id,
        company_id=chosen[0].company_id,
        membership_version=chosen[0].version,
        issued_at=now,
        expires_at=min(now + tokens.LIFETIME, session.expires_at),
    )
    signed = tokens.sign(claims, key.key, key.key_id)
    return Token(signed, claims.expires_at, claims.membership_id, claims.company_id)


async def sign_out(db: Database, secret: str, clock: Clock) -> None:
    """End the session everywhere; quiet when it has ended already."""
    async with db.system_transaction() as conn:
        session = await sessions.by_secret(conn, hash_secret(secret), clock())
        if session is not None and await sessions.revoke(conn, session.session_id, clock()):
            actor = Actor(kind="user", id=str(session.user_id))
            await announce.revoked(conn, session.session_id, session.user_id, clock(), actor)
