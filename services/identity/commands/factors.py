"""Two-factor authentication (D8): enrol an authenticator app, sign in with it, recover."""

from uuid import UUID

from services.identity import announce
from services.identity.commands.attempts import (
    Origin,
    admit,
    confirm_password,
    email_hash,
    failed,
    turns,
)
from services.identity.commands.sessions import end_session, end_sessions_but, signed_in
from services.identity.commands.standing import tell_again
from services.identity.domain import totp
from services.identity.domain.errors import AlreadyEnrolled, SecondFactorNeeded, WrongCode
from services.identity.domain.secrets import hash_secret
from services.identity.store import factors, sessions, users
from services.identity.store.sessions import SessionRow
from services.identity.store.users import UserRow
from shared.access.guard import Principal
from shared.clock import Clock
from shared.database import Connection, Database
from shared.problems import Conflict, Unauthenticated
from shared.secretbox import SecretBox


async def begin_enrolment(
    db: Database, box: SecretBox, caller: Principal, password: str, origin: Origin, clock: Clock
) -> tuple[str, str]:
    """A new secret and its provisioning URI; nothing is required before it is confirmed.

    By the password: who found a session open could else lock its owner out.
    """
    await confirm_password(db, caller, password, origin, clock)
    async with db.system_transaction() as conn:
        row = await factors.lock(conn, caller.user_id)
        if row.totp_confirmed_at is not None:
            raise AlreadyEnrolled
        secret = totp.new_secret()
        await factors.begin(conn, caller.user_id, box.seal(secret.encode(), caller.user_id))
        user = await users.by_id(conn, caller.user_id)
    return secret, totp.provisioning_uri(secret, user.email if user else "")


async def confirm_enrolment(
    db: Database, box: SecretBox, caller: Principal, code: str, origin: Origin, clock: Clock
) -> list[str]:
    """Confirm by a code; returns the recovery codes, shown once. The session counts as passed.
    Codes of an authenticator that is enrolled can't be guessed here."""
    codes = None
    async with turns.of(caller.session_id.bytes), db.system_transaction() as conn:
        if (await factors.lock(conn, caller.user_id)).totp_confirmed_at is not None:
            raise AlreadyEnrolled
        await all_steps(conn, caller)
        user = await _person(conn, caller.user_id, origin, clock)
        if await _accept(conn, box, caller.user_id, code, clock):
            await factors.confirm(conn, caller.user_id, clock())
            codes = await new_codes(conn, caller.user_id)
            await enrolled_now(conn, caller, "app", clock)
        else:
            await failed(conn, user, email_hash(user.email), origin, clock(), "code")
    if codes is None:
        raise WrongCode
    return codes


async def remove_factor(
    db: Database, box: SecretBox, caller: Principal, code: str, origin: Origin, clock: Clock
) -> None:
    """Remove the authenticator, by one of its codes or, where it was lost, by a recovery code."""
    async with turns.of(caller.session_id.bytes), db.system_transaction() as conn:
        await factors.lock(conn, caller.user_id)
        user = await _person(conn, caller.user_id, origin, clock)
        right = await _proved(conn, box, caller.user_id, code, clock)
        if right:
            await factors.remove(conn, caller.user_id)
            if not await factors.enrolled(conn, caller.user_id):
                await factors.set_recovery_codes(conn, caller.user_id, [])
            await removed_now(conn, caller, "app", clock)
        else:
            await failed(conn, user, email_hash(user.email), origin, clock(), "code")
    if not right:
        raise WrongCode


async def renew_recovery_codes(
    db: Database, caller: Principal, password: str, origin: Origin, clock: Clock
) -> list[str]:
    """Ten new recovery codes, by the password; the old ones are void."""
    await confirm_password(db, caller, password, origin, clock)
    async with db.system_transaction() as conn:
        if not await factors.enrolled(conn, caller.user_id):
            raise Conflict("Enrol a second factor first.", slug="not-enrolled")
        codes = await new_codes(conn, caller.user_id)
        await record(conn, caller, "recovery_codes_renewed", "")
    return codes


async def pass_second_factor(
    db: Database, box: SecretBox, secret: str, code: str, origin: Origin, clock: Clock
) -> None:
    """The second step of a sign-in: a code of the app, or a recovery code; WrongCode otherwise."""
    async with turns.of(hash_secret(secret)), db.system_transaction() as conn:
        session, user = await waiting_session(conn, secret, origin, clock)
        right = await _proved(conn, box, session.user_id, code, clock)
        await settle(conn, session, user, origin, clock, right=right)
    if not right:
        raise WrongCode


async def waiting_session(
    conn: Connection, secret: str, origin: Origin, clock: Clock
) -> tuple[SessionRow, UserRow]:
    """The session of somebody who has given the password, and who may still guess: judged with the
    person held, so that guesses side by side count one after another."""
    waiting = await sessions.by_secret(conn, hash_secret(secret), clock())
    if waiting is not None:
        await factors.lock(conn, waiting.user_id)
    session = await sessions.by_secret(conn, hash_secret(secret), clock())
    if session is None:
        raise Unauthenticated("The session has ended; sign in again.")
    return session, await _person(conn, session.user_id, origin, clock)


async def settle(
    conn: Connection,
    session: SessionRow,
    user: UserRow,
    origin: Origin,
    clock: Clock,
    *,
    right: bool,
) -> None:
    """The second step succeeded, or counts as a failed sign-in; the fifth failure ends the session."""
    if right:
        await sessions.pass_second_factor(conn, session.session_id, clock())
        await signed_in(conn, user.user_id, origin, clock())
        return
    await failed(conn, user, email_hash(user.email), origin, clock(), "code")
    if await sessions.failed_codes(conn, session.session_id) >= sessions.MOST_WRONG_CODES:
        await end_session(conn, session.session_id, user.user_id, clock())


async def new_codes(conn: Connection, user_id: UUID) -> list[str]:
    """Fresh recovery codes in the place of all that were there."""
    codes = totp.new_recovery_codes()
    await factors.set_recovery_codes(conn, user_id, [hash_secret(c) for c in codes])
    return codes


async def all_steps(conn: Connection, caller: Principal) -> None:
    """SecondFactorNeeded where the person has a second factor that this session hasn't shown: its
    token is from before, and the password alone adds none."""
    if await factors.enrolled(conn, caller.user_id) and not await sessions.passed_second_factor(
        conn, caller.session_id
    ):
        raise SecondFactorNeeded


async def enrolled_now(conn: Connection, caller: Principal, what: str, clock: Clock) -> None:
    """The session counts as passed; those that were opened without the factor end."""
    await sessions.pass_second_factor(conn, caller.session_id, clock())
    await end_sessions_but(conn, caller.user_id, caller.session_id, clock())
    await tell_again(conn, caller.user_id, caller.actor)
    await record(conn, caller, "two_factor_enrolled", what)


async def removed_now(conn: Connection, caller: Principal, what: str, clock: Clock) -> None:
    """What one signs in with has changed: the other sessions end."""
    await end_sessions_but(conn, caller.user_id, caller.session_id, clock())
    await tell_again(conn, caller.user_id, caller.actor)
    await record(conn, caller, "two_factor_removed", what)


async def record(conn: Connection, caller: Principal, action: str, detail: str) -> None:
    """For the audit."""
    await announce.action(
        conn,
        action,
        user_id=caller.user_id,
        company_id=caller.company_id,
        address="",
        detail=detail,
    )


async def _person(conn: Connection, user_id: UUID, origin: Origin, clock: Clock) -> UserRow:
    user = await users.by_id(conn, user_id)
    if user is None:
        raise Unauthenticated
    await admit(conn, user, email_hash(user.email), origin, clock())
    return user


async def _proved(conn: Connection, box: SecretBox, user_id: UUID, code: str, clock: Clock) -> bool:
    return await _accept(conn, box, user_id, code, clock) or await factors.take_recovery_code(
        conn, user_id, hash_secret(code.strip().lower())
    )


async def _accept(conn: Connection, box: SecretBox, user_id: UUID, code: str, clock: Clock) -> bool:
    row = await factors.lock(conn, user_id)
    if row.totp_secret is None:
        return False
    secret = box.open(row.totp_secret, user_id).decode()
    step = totp.matching_step(secret, code.replace(" ", ""), clock(), row.totp_last_step)
    if step is None:
        return False
    await factors.used(conn, user_id, step)
    return True
