"""Guesses: how many there were, who has to wait, and who isn't kept out by others' guesses."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network

from services.identity import announce
from services.identity.commands.turns import Turns
from services.identity.domain.errors import TooManyAttempts, WrongCredentials
from services.identity.domain.passwords import verify_password
from services.identity.store import sessions, users
from services.identity.store.users import UserRow
from shared.access.guard import Principal
from shared.clock import Clock
from shared.database import Connection, Database

WINDOW = timedelta(minutes=5)

turns = Turns()
"""Whoever guesses waits here, one queue an account or a session."""
crowds = Turns(most_waiting=1000, side_by_side=4)
"""And here, one queue an address: it tries no more accounts at once than the limit would let in one by one."""


@dataclass(frozen=True)
class Limits:
    """Failed sign-ins in five minutes before one has to wait."""

    per_address: int
    per_account: int
    """Doesn't bind addresses that the account has signed in from before."""
    asked_per_network: int
    """Accounts and letters that anybody may ask for, in an hour."""


@dataclass(frozen=True)
class Origin:
    """From where a request comes, and how often one may guess from there."""

    address: str
    limits: Limits
    agent: str = ""
    """What the browser calls itself."""

    @property
    def counted(self) -> str:
        """What failures are counted by: of IPv6 the /64, which is what one subscriber has (RFC 6177)."""
        try:
            found = ip_address(self.address)
        except ValueError:
            return self.address
        if isinstance(found, IPv6Address) and found.ipv4_mapped is None:
            return str(ip_network(f"{found}/64", strict=False))
        return self.address


def email_hash(email: str) -> bytes:
    """Failures are counted without keeping what was typed."""
    return hashlib.sha256(email.lower().encode()).digest()


async def admit(
    conn: Connection, user: UserRow | None, hashed: bytes, origin: Origin, now: datetime
) -> None:
    """Refuse whoever guesses too fast, before a guess costs us anything; never the owner, who
    comes from where he has come from before."""
    wait = TooManyAttempts(headers={"Retry-After": str(int(WINDOW.total_seconds()))})
    if await sessions.failures(conn, origin.counted, now - WINDOW) >= origin.limits.per_address:
        raise wait
    if await sessions.failures_of_account(conn, hashed, now - WINDOW) < origin.limits.per_account:
        return
    if user is None or not await sessions.knows_address(conn, user.user_id, origin.counted):
        raise wait


async def failed(
    conn: Connection, user: UserRow | None, hashed: bytes, origin: Origin, now: datetime, what: str
) -> None:
    """Count a wrong guess and record it; `what` was guessed: password or code."""
    await sessions.add_failure(conn, origin.counted, hashed, now)
    await announce.action(
        conn,
        "sign_in_refused",
        user_id=user.user_id if user else None,
        company_id=None,
        address=origin.address,
        detail=what,
    )


async def confirm_password(
    db: Database, caller: Principal, password: str, origin: Origin, clock: Clock
) -> UserRow:
    """The person, who has just proved the password again; WrongCredentials, TooManyAttempts."""
    async with turns.of(b"present" + caller.user_id.bytes):
        async with db.system_transaction() as conn:
            user = await users.by_id(conn, caller.user_id)
            hashed = email_hash(user.email if user else "")
            await admit(conn, user, hashed, origin, clock())
        if user is not None and await verify_password(user.password_hash, password):
            return user
        async with db.system_transaction() as conn:
            await failed(conn, user, hashed, origin, clock(), "password")
    raise WrongCredentials("The present password isn't right.", slug="wrong-password")
