"""API keys for partner systems (D14): scopes, an expiry, shown once, stored hashed."""

import secrets
from datetime import timedelta
from uuid import UUID

from services.identity import announce
from services.identity.commands.attempts import Origin, confirm_password
from services.identity.commands.keys import signing_key
from services.identity.commands.privacy import require_owner
from services.identity.commands.sessions import Token
from services.identity.domain.errors import MakerNotEnrolled
from services.identity.domain.secrets import hash_secret
from services.identity.store import api_keys, factors, users
from services.identity.store.api_keys import ApiKeyRow
from shared.access import tokens
from shared.access.guard import Principal
from shared.clock import Clock
from shared.database import Database
from shared.ids import new_id
from shared.problems import NotFound, Unauthenticated
from shared.secretbox import SecretBox

PREFIX = "fct_"
SCOPES = ("read", "write")
"""`read` opens what GET shows; `write` everything else that the key's maker may do."""


async def create_api_key(
    db: Database,
    caller: Principal,
    name: str,
    scopes: list[str],
    days: int,
    password: str,
    origin: Origin,
    clock: Clock,
) -> tuple[ApiKeyRow, str]:
    """A key that acts as its maker, at most by its scopes, until it expires; the secret once. By
    the password: a key outlives the session that it is made in."""
    require_owner(caller, caller.company_id)
    await confirm_password(db, caller, password, origin, clock)
    secret = PREFIX + secrets.token_urlsafe(32)
    now = clock()
    row = ApiKeyRow(
        new_id(),
        caller.company_id,
        caller.membership_id,
        caller.user_id,
        new_id(),
        name,
        [scope for scope in SCOPES if scope in scopes],
        now,
        now + timedelta(days=days),
        None,
    )
    async with db.transaction(caller.company_id) as conn:
        await api_keys.add(conn, row, hash_secret(secret))
        await announce.action(
            conn,
            "api_key_created",
            user_id=caller.user_id,
            company_id=caller.company_id,
            address="",
            detail=str(row.key_id),  # its name may be a person's, and the journal forgets nothing
        )
    return row, secret


async def revoke_api_key(db: Database, caller: Principal, key_id: UUID, clock: Clock) -> None:
    """End a key and every token made with it."""
    require_owner(caller, caller.company_id)
    async with db.transaction(caller.company_id) as conn:
        row = await api_keys.revoke(conn, caller.company_id, key_id, clock())
        if row is None:
            raise NotFound
        await announce.revoked(conn, row.session_id, row.user_id, clock(), caller.actor)


async def token_for_key(db: Database, box: SecretBox, secret: str, clock: Clock) -> Token:
    """A ten-minute token with the key's scopes."""
    now = clock()
    async with db.system_transaction() as conn:
        row = await api_keys.by_secret(conn, hash_secret(secret), now)
        if row is None:
            raise Unauthenticated("This API key is unknown, revoked or expired.")
        membership = await users.lock_membership(conn, row.company_id, row.user_id)
        if membership is None or not membership.active:
            raise Unauthenticated("The maker of this API key has no access any more.")
        if await factors.due(conn, row.company_id, row.user_id):
            raise MakerNotEnrolled
        key = await signing_key(conn, box, clock)
    claims = tokens.Claims(
        user_id=row.user_id,
        session_id=row.session_id,
        membership_id=row.membership_id,
        company_id=row.company_id,
        membership_version=membership.version,
        issued_at=now,
        expires_at=min(now + tokens.LIFETIME, row.expires_at),
        scopes=tuple(row.scopes),
    )
    signed = tokens.sign(claims, key.key, key.key_id)
    return Token(signed, claims.expires_at, claims.membership_id, claims.company_id)
