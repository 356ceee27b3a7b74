"""Two-factor authentication (D8): enrol an authenticator app, sign in with it, recover."""

import hashlib
from datetime import datetime
from uuid import UUID

from services.identity import announce
from services.identity.domain import totp
from services.identity.domain.errors import WrongCode
from services.identity.domain.secrets import hash_secret
from services.identity.store import factors, sessions, users
from shared.access.guard import Principal
from shared.clock import Clock
from shared.database import Connection, Database
from shared.problems import Conflict, Unauthenticated
from shared.secretbox import SecretBox


async def begin_enrolment(db: Database, box: SecretBox, caller: Principal) -> tuple[str, str]:
    """A new secret and its provisioning URI; nothing is required before it is confirmed."""
    async with db.system_transaction() as conn:
        row = await factors.lock(conn, caller.user_id)
        if row.totp_confirmed_at is not None:
            raise Conflict(
                "An authenticator is enrolled already; remove it first.", slug="already-enrolled"
            )
        secret = totp.new_secret()
        await factors.begin(conn, caller.user_id, box.seal(secret.encode(), caller.user_id))
        user = await users.by_id(conn, caller.user_id)
    return secret, totp.provisioning_uri(secret, user.email if user else "")


async def confirm_enrolment(
    db: Database, box: SecretBox, caller: Principal, code: str, clock: Clock
) -> list[str]:
    """Confirm by a code; returns the recovery codes, shown once. The session counts as passed."""
    async with db.system_transaction() as conn:
        if not await _accept(conn, box, caller.user_id, code, clock):
            raise WrongCode
        await factors.confirm(conn, caller.user_id, clock())
        codes = totp.new_recovery_codes()
        await factors.set_recovery_codes(conn, caller.user_id, [hash_secret(c) for c in codes])
        await sessions.pass_second_factor(conn, caller.session_id, clock())
        await announce.action(
            conn,
            "two_factor_enrolled",
            user_id=caller.user_id,
            company_id=caller.company_id,
            address="",
        )
    return codes


async def remove_factor(
    db: Database, box: SecretBox, caller: Principal, code: str, clock: Clock
) -> None:
    """Remove the authenticator, by one of its codes."""
    async with db.system_transaction() as conn:
        if not await _accept(conn, box, caller.user_id, code, clock):
            raise WrongCode
        await factors.remove(conn, caller.user_id)
        await factors.set_recovery_codes(conn, caller.user_id, [])
        await announce.action(
            conn,
            "two_factor_removed",
            user_id=caller.user_id,
            company_id=caller.company_id,
            address="",
        )


async def pass_second_factor(
    db: Database, box: SecretBox, secret: str, code: str, address: str, clock: Clock
) -> None:
    """The second step of a sign-in: a code of the app, or a recovery code; WrongCode otherwise.

    Each wrong code counts as a failed sign-in from that address.
    """
    async with db.system_transaction() as conn:
        session = await sessions.by_secret(conn, hash_secret(secret), clock())
        if session is None:
            raise Unauthenticated("The session has ended; sign in again.")
        right = await _accept(conn, box, session.user_id, code, clock)
        right = right or await factors.take_recovery_code(
            conn, session.user_id, hash_secret(code.strip().lower())
        )
        if right:
            await sessions.pass_second_factor(conn, session.session_id, clock())
        else:
            await _count_failure(conn, session.user_id, address, clock())
            wrong = await sessions.failed_codes(conn, session.session_id)
            if wrong >= sessions.MOST_WRONG_CODES:
                await sessions.revoke(conn, session.session_id, clock())
    if not right:
        raise WrongCode


async def _count_failure(conn: Connection, user_id: UUID, address: str, now: datetime) -> None:
    user = await users.by_id(conn, user_id)
    email = user.email.lower() if user else ""
    await sessions.add_failure(conn, address, hashlib.sha256(email.encode()).digest(), now)


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
