"""Passkeys beside the password (D14): register, sign in with, remove."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from services.identity.commands.attempts import Origin, confirm_password, turns
from services.identity.commands.factors import (
    all_steps,
    enrolled_now,
    new_codes,
    removed_now,
    settle,
    waiting_session,
)
from services.identity.domain import passkeys
from services.identity.domain.errors import NoPasskeysHere, WrongPasskey
from services.identity.domain.passkeys import PasskeyRefused, Site
from services.identity.domain.secrets import hash_secret
from services.identity.store import factors, users
from services.identity.store import passkeys as store
from services.identity.store.passkeys import PasskeyRow
from shared.access.guard import Principal
from shared.clock import Clock
from shared.database import Database
from shared.ids import new_id
from shared.problems import Conflict, NotFound

ANSWER_WITHIN = timedelta(minutes=5)


async def begin_passkey(
    db: Database, caller: Principal, site: Site | None, clock: Clock
) -> dict[str, Any]:
    """What the browser needs to make a passkey for this person."""
    async with db.system_transaction() as conn:
        known = await store.of_user(conn, caller.user_id)
        user = await users.by_id(conn, caller.user_id)
        options, challenge = passkeys.registration_options(
            _here(site),
            caller.user_id,
            user.email if user else "",
            [k.credential_id for k in known],
        )
        until = clock() + ANSWER_WITHIN
        await store.challenge(conn, caller.session_id, "register", challenge, until)
    return options


async def add_passkey(
    db: Database,
    caller: Principal,
    site: Site | None,
    name: str,
    credential: dict[str, Any],
    password: str,
    origin: Origin,
    clock: Clock,
) -> list[str]:
    """Keep a passkey, by the password; returns recovery codes when it is the first second factor."""
    await confirm_password(db, caller, password, origin, clock)
    async with db.system_transaction() as conn:
        await factors.lock(conn, caller.user_id)
        await all_steps(conn, caller)
        challenge = await store.take_challenge(conn, caller.session_id, "register", clock())
        try:
            made = passkeys.registered(_here(site), credential, challenge or b"")
        except PasskeyRefused as error:
            raise WrongPasskey from error
        first = not await factors.enrolled(conn, caller.user_id)
        row = PasskeyRow(
            new_id(), caller.user_id, made.credential_id, made.public_key, made.sign_count, name,
            clock(), None,
        )  # fmt: skip
        if not await store.add(conn, row):
            raise Conflict("This passkey is registered already.", slug="already-enrolled")
        codes = await new_codes(conn, caller.user_id) if first else []
        await enrolled_now(conn, caller, "passkey", clock)
    return codes


async def remove_passkey(
    db: Database, caller: Principal, passkey_id: UUID, password: str, origin: Origin, clock: Clock
) -> None:
    """Forget a passkey, by the password."""
    await confirm_password(db, caller, password, origin, clock)
    async with db.system_transaction() as conn:
        if not await store.remove(conn, caller.user_id, passkey_id):
            raise NotFound
        if not await factors.enrolled(conn, caller.user_id):
            await factors.set_recovery_codes(conn, caller.user_id, [])
        await removed_now(conn, caller, "passkey", clock)


async def begin_sign_in(
    db: Database, secret: str, site: Site | None, origin: Origin, clock: Clock
) -> dict[str, Any]:
    """What the browser needs to answer with one of this person's passkeys."""
    async with db.system_transaction() as conn:
        session, user = await waiting_session(conn, secret, origin, clock)
        known = await store.of_user(conn, user.user_id)
        if not known:
            raise NotFound
        options, challenge = passkeys.sign_in_options(_here(site), [k.credential_id for k in known])
        await store.challenge(
            conn, session.session_id, "sign_in", challenge, clock() + ANSWER_WITHIN
        )
    return options


async def pass_with_passkey(
    db: Database,
    secret: str,
    site: Site | None,
    credential: dict[str, Any],
    origin: Origin,
    clock: Clock,
) -> None:
    """The second step of a sign-in by a passkey; WrongPasskey otherwise."""
    async with turns.of(hash_secret(secret)), db.system_transaction() as conn:
        session, user = await waiting_session(conn, secret, origin, clock)
        challenge = await store.take_challenge(conn, session.session_id, "sign_in", clock())
        wanted = passkeys.credential_id_of(credential)
        row = next(
            (k for k in await store.of_user(conn, user.user_id) if k.credential_id == wanted), None
        )
        right = False
        if row is not None and challenge is not None:
            try:
                count = passkeys.signed_in(
                    _here(site), credential, challenge, row.public_key, row.sign_count
                )
            except PasskeyRefused:
                pass
            else:
                right = True
                await store.used(conn, row.passkey_id, count, clock())
        await settle(conn, session, user, origin, clock, right=right)
    if not right:
        raise WrongPasskey


def _here(site: Site | None) -> Site:
    if site is None:
        raise NoPasskeysHere
    return site
