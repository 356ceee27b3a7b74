"""Second factors: authenticator secrets (sealed) and recovery codes (hashed)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.database import Connection


@dataclass(frozen=True)
class FactorRow:
    user_id: UUID
    totp_secret: bytes | None
    totp_confirmed_at: datetime | None
    totp_last_step: int


async def lock(conn: Connection, user_id: UUID) -> FactorRow:
    """The user's factor, held: a code can't be used twice at the same moment."""
    record = await conn.fetchrow(
        "SELECT user_id, totp_secret, totp_confirmed_at, totp_last_step FROM app_user "
        "WHERE user_id = $1 FOR UPDATE",
        user_id,
    )
    if record is None:
        raise LookupError(user_id)
    return FactorRow(**record)


async def enrolled(conn: Connection, user_id: UUID) -> bool:
    """Whether an authenticator app or a passkey stands beside the password."""
    found: bool = await conn.fetchval(
        "SELECT totp_confirmed_at IS NOT NULL OR EXISTS (SELECT FROM passkey p WHERE p.user_id = u.user_id) "
        "FROM app_user u WHERE u.user_id = $1",
        user_id,
    )
    return found


async def due(conn: Connection, company_id: UUID, user_id: UUID) -> bool:
    """Whether the company requires a second factor that the person hasn't."""
    found: bool | None = await conn.fetchval(
        "SELECT c.require_2fa AND u.totp_confirmed_at IS NULL "
        "AND NOT EXISTS (SELECT FROM passkey p WHERE p.user_id = u.user_id) "
        "FROM company c, app_user u WHERE c.company_id = $1 AND u.user_id = $2",
        company_id,
        user_id,
    )
    return bool(found)


async def begin(conn: Connection, user_id: UUID, sealed: bytes) -> None:
    await conn.execute(
        "UPDATE app_user SET totp_secret = $2, totp_confirmed_at = NULL, totp_last_step = 0 "
        "WHERE user_id = $1",
        user_id,
        sealed,
    )


async def confirm(conn: Connection, user_id: UUID, now: datetime) -> None:
    await conn.execute(
        "UPDATE app_user SET totp_confirmed_at = $2 WHERE user_id = $1", user_id, now
    )


async def used(conn: Connection, user_id: UUID, step: int) -> None:
    await conn.execute("UPDATE app_user SET totp_last_step = $2 WHERE user_id = $1", user_id, step)


async def remove(conn: Connection, user_id: UUID) -> None:
    await conn.execute(
        "UPDATE app_user SET totp_secret = NULL, totp_confirmed_at = NULL WHERE user_id = $1",
        user_id,
    )


async def set_recovery_codes(conn: Connection, user_id: UUID, hashes: list[bytes]) -> None:
    await conn.execute("DELETE FROM recovery_code WHERE user_id = $1", user_id)
    await conn.execute(
        "INSERT INTO recovery_code (user_id, code_hash) SELECT $1, unnest($2::bytea[])",
        user_id,
        hashes,
    )


async def take_recovery_code(conn: Connection, user_id: UUID, code_hash: bytes) -> bool:
    """Use a code up; False when there is none such."""
    done = await conn.execute(
        "DELETE FROM recovery_code WHERE user_id = $1 AND code_hash = $2", user_id, code_hash
    )
    return done == "DELETE 1"


async def recovery_codes_left(conn: Connection, user_id: UUID) -> int:
    count: int = await conn.fetchval(
        "SELECT count(*) FROM recovery_code WHERE user_id = $1", user_id
    )
    return count
