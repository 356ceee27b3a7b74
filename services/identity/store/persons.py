"""All that is kept about one person (S6): shown to him, and erased."""

from datetime import datetime
from typing import Any
from uuid import UUID

from shared.database import Connection


async def personal_data(conn: Connection, user_id: UUID) -> dict[str, Any]:
    """Everything identity keeps about a person, but for secrets."""
    user = await conn.fetchrow(
        "SELECT user_id, email, first_name, last_name, language, created_at, password_strength, "
        "totp_confirmed_at FROM app_user WHERE user_id = $1",
        user_id,
    )
    memberships = await conn.fetch(
        "SELECT company_id, role, kind, profile_id, rights, apps, active FROM membership WHERE user_id = $1",
        user_id,
    )
    sessions = await conn.fetch(
        "SELECT session_id, created_at, seen_at, expires_at, revoked_at, address, agent FROM session "
        "WHERE user_id = $1",
        user_id,
    )
    passkeys = await conn.fetch(
        "SELECT name, created_at, used_at FROM passkey WHERE user_id = $1", user_id
    )
    keys = await conn.fetch(
        "SELECT company_id, name, scopes, created_at, expires_at, revoked_at FROM api_key WHERE user_id = $1",
        user_id,
    )
    addresses = await conn.fetch(
        "SELECT address, seen_at FROM known_address WHERE user_id = $1", user_id
    )
    return {
        "user": dict(user) if user else {},
        "memberships": [dict(row) for row in memberships],
        "sessions": [dict(row) for row in sessions],
        "passkeys": [dict(row) for row in passkeys],
        "api_keys": [dict(row) for row in keys],
        "known_addresses": [dict(row) for row in addresses],
        **(await _kept_by_address(conn, user["email"]) if user else {}),
    }


async def _kept_by_address(conn: Connection, email: str) -> dict[str, Any]:
    invitations = await conn.fetch(
        "SELECT company_id, first_name, last_name, language, role, expires_at FROM member_invitation "
        "WHERE lower(email) = lower($1)",
        email,
    )
    letters = await conn.fetch(
        "SELECT subject, sent_at FROM outgoing_mail WHERE lower(recipient) = lower($1)", email
    )
    return {
        "invitations": [dict(row) for row in invitations],
        "letters": [dict(row) for row in letters],
    }


async def erase(conn: Connection, user_id: UUID, now: datetime) -> None:
    """Put a pseudonym in the place of a person; memberships are ended by the command."""
    await conn.execute(
        "UPDATE app_user SET email = 'erased-' || user_id || '@invalid', first_name = '', last_name = '', "
        "password_hash = NULL, totp_secret = NULL, totp_confirmed_at = NULL, password_strength = NULL "
        "WHERE user_id = $1",
        user_id,
    )
    await conn.execute("DELETE FROM recovery_code WHERE user_id = $1", user_id)
    await conn.execute("DELETE FROM passkey WHERE user_id = $1", user_id)
    await conn.execute("DELETE FROM known_address WHERE user_id = $1", user_id)
    await conn.execute("DELETE FROM password_reset WHERE user_id = $1", user_id)
    await conn.execute("UPDATE api_key SET name = '' WHERE user_id = $1", user_id)
    await conn.execute(
        "UPDATE session SET revoked_at = coalesce(revoked_at, $2), address = '', agent = '' WHERE user_id = $1",
        user_id,
        now,
    )


async def forget_address(conn: Connection, email: str, email_hash: bytes) -> None:
    """What is kept by an e-mail address alone; sign-ups are store.registrations'."""
    await conn.execute("DELETE FROM member_invitation WHERE lower(email) = lower($1)", email)
    await conn.execute("DELETE FROM outgoing_mail WHERE lower(recipient) = lower($1)", email)
    await conn.execute("DELETE FROM sign_in_failure WHERE email_hash = $1", email_hash)


async def blot_memberships(
    conn: Connection, membership_ids: list[UUID], pseudonym: dict[str, str]
) -> None:
    """In what was told of memberships and is kept to be told again: the pseudonym."""
    await conn.execute(
        "UPDATE outbox SET payload = convert_to((convert_from(payload, 'UTF8')::jsonb || $2)::text, 'UTF8') "
        "WHERE topic = 'membership.changed' AND key = ANY($1)",
        [str(membership_id) for membership_id in membership_ids],
        pseudonym,
    )


async def blot_actions(conn: Connection, user_id: UUID) -> None:
    """In what was told of the person's actions: no address (older ones hold a whole one)."""
    await conn.execute(
        "UPDATE outbox SET payload = convert_to((convert_from(payload, 'UTF8')::jsonb "
        "|| '{\"address\": \"\"}')::text, 'UTF8') "
        "WHERE topic = 'action.recorded' AND convert_from(payload, 'UTF8')::jsonb->>'user_id' = $1::text",
        str(user_id),
    )
