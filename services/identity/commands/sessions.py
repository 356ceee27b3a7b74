"""Signing in and out; tokens."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.identity import announce
from services.identity.commands.attempts import Origin, admit, crowds, email_hash, failed, turns
from services.identity.commands.keys import signing_key
from services.identity.domain.errors import SecondFactorNeeded, WrongCredentials
from services.identity.domain.passwords import verify_password
from services.identity.domain.secrets import hash_secret
from services.identity.store import factors, privacy, sessions, users
from services.identity.store.users import MembershipRow, UserRow
from shared import metrics
from shared.access import tokens
from shared.clock import Clock
from shared.database import Connection, Database
from shared.events import Actor
from shared.ids import new_id
from shared.problems import NotFound, Unauthenticated
from shared.secretbox import SecretBox

NOBODY = UUID(int=0)
"""Asked about where there is no such user, so that it takes as long."""


@dataclass(frozen=True)
class SignedIn:
    """A new session; `secret` is shown once."""

    session_id: UUID
    user_id: UUID
    secret: str
    expires_at: datetime
    second_factor: bool
    """Whether a code must follow before the session gives tokens."""


@dataclass(frozen=True)
class Token:
    access_token: str
    expires_at: datetime
    membership_id: UUID
    company_id: UUID
    enrolment_only: bool = False
    """The company requires a second factor, and the user has none yet."""


async def sign_in(
    db: Database, email: str, password: str, origin: Origin, clock: Clock, lifetime: timedelta
) -> SignedIn:
    """Open a session; the same answer and time for an unknown e-mail and a wrong password."""
    with metrics.refusals(metrics.sign_ins):
        opened = await _sign_in(db, email, password, origin, clock, lifetime)
    metrics.sign_ins.add(1, {"result": "second-factor" if opened.second_factor else "opened"})
    return opened


async def _sign_in(
    db: Database, email: str, password: str, origin: Origin, clock: Clock, lifetime: timedelta
) -> SignedIn:
    async with db.system_transaction() as conn:
        user = await users.by_email(conn, email)
        # counted by the account, however its address is written: PostgreSQL and Python don't agree
        # on what the small letter of each is
        hashed = email_hash(user.email if user else email)
        await admit(conn, user, hashed, origin, clock())
        somebody = user.user_id if user else NOBODY
        known = await sessions.knows_address(conn, somebody, origin.counted)
    # the owner, from where he has come from before, doesn't queue with those who guess
    queue = hashed + origin.counted.encode() if known else hashed
    async with turns.of(queue) as waited, crowds.of(origin.counted.encode()) as crowded:
        if waited or crowded:
            async with db.system_transaction() as conn:
                await admit(conn, user, hashed, origin, clock())
        right = await verify_password(user.password_hash if user else None, password)
        async with db.system_transaction() as conn:
            if user is not None and right:
                return await _open(conn, user, origin, clock(), lifetime)
            await failed(conn, user, hashed, origin, clock(), "password")
    raise WrongCredentials


async def _open(
    conn: Connection, user: UserRow, origin: Origin, now: datetime, lifetime: timedelta
) -> SignedIn:
    secret = secrets.token_urlsafe(32)
    row = sessions.SessionRow(new_id(), user.user_id, now + lifetime)
    await sessions.add(conn, row, hash_secret(secret), origin.address, origin.agent, now)
    enrolled = await factors.enrolled(conn, user.user_id)
    if not enrolled:
        await signed_in(conn, user.user_id, origin, now)
    return SignedIn(row.session_id, user.user_id, secret, row.expires_at, enrolled)


async def signed_in(conn: Connection, user_id: UUID, origin: Origin, now: datetime) -> None:
    """All steps are done: the address is known from now on, and the audit hears of it."""
    await sessions.remember_address(conn, user_id, origin.counted, now)
    await announce.action(
        conn, "signed_in", user_id=user_id, company_id=None, address=origin.address
    )


async def issue_token(
    db: Database, box: SecretBox, secret: str, company_id: UUID | None, clock: Clock
) -> Token:
    """A ten-minute token for one of the session's companies; the first when none is named."""
    now = clock()
    async with db.system_transaction() as conn:
        session = await sessions.by_secret(conn, hash_secret(secret), now)
        if session is None:
            raise Unauthenticated("The session has ended; sign in again.")
        enrolled = await factors.enrolled(conn, session.user_id)
        if enrolled and session.second_factor_at is None:
            raise SecondFactorNeeded
        chosen = await _membership(conn, session.user_id, company_id)
        wanted = await privacy.get(conn, chosen.company_id)
        key = await signing_key(conn, box, clock)
        await sessions.seen(conn, session.session_id, now)
        if chosen.kind == "support":
            await announce.action(
                conn,
                "support_active",
                user_id=session.user_id,
                company_id=chosen.company_id,
                address="",
            )
    enrolment_only = wanted is not None and wanted.require_2fa and not enrolled
    claims = tokens.Claims(
        user_id=session.user_id,
        session_id=session.session_id,
        membership_id=chosen.membership_id,
        company_id=chosen.company_id,
        membership_version=chosen.version,
        issued_at=now,
        expires_at=min(now + tokens.LIFETIME, session.expires_at),
        two_factor_pending=enrolment_only,
    )
    signed = tokens.sign(claims, key.key, key.key_id)
    return Token(signed, claims.expires_at, claims.membership_id, claims.company_id, enrolment_only)


async def _membership(conn: Connection, user_id: UUID, company_id: UUID | None) -> MembershipRow:
    for row in await users.memberships_of(conn, user_id):
        if company_id in (None, row.company_id):
            return row
    raise NotFound("You have no access to that company.")


async def sign_out(db: Database, secret: str, clock: Clock) -> None:
    """End the session everywhere; quiet when it has ended already."""
    async with db.system_transaction() as conn:
        session = await sessions.by_secret(conn, hash_secret(secret), clock())
        if session is not None:
            await end_session(conn, session.session_id, session.user_id, clock())


async def end_other_sessions(db: Database, user_id: UUID, kept: UUID, clock: Clock) -> int:
    """End every session of the user but one; returns how many."""
    async with db.system_transaction() as conn:
        return await end_sessions_but(conn, user_id, kept, clock())


async def end_sessions_but(
    conn: Connection, user_id: UUID, kept: UUID | None, now: datetime
) -> int:
    """End every session of the user but one, or all; what one signs in with has changed."""
    others = [s for s in await sessions.open_ones(conn, user_id, now) if s.session_id != kept]
    for session in others:
        await end_session(conn, session.session_id, user_id, now)
    return len(others)


async def end_one_session(db: Database, user_id: UUID, session_id: UUID, clock: Clock) -> None:
    """End one of one's own sessions; NotFound for anybody else's."""
    async with db.system_transaction() as conn:
        if session_id not in {
            s.session_id for s in await sessions.open_ones(conn, user_id, clock())
        }:
            raise NotFound
        await end_session(conn, session_id, user_id, clock())


async def end_session(conn: Connection, session_id: UUID, user_id: UUID, now: datetime) -> None:
    """End one session and tell everybody, so that its tokens are refused everywhere."""
    if await sessions.revoke(conn, session_id, now):
        actor = Actor(kind="user", id=str(user_id))
        await announce.revoked(conn, session_id, user_id, now, actor)
