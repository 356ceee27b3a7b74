"""Who may look: support switch, mandatory second factor, external users, seats."""

from dataclasses import dataclass
from uuid import UUID

from shared.database import Connection


@dataclass(frozen=True)
class PrivacyRow:
    company_id: UUID
    support_access: bool
    require_2fa: bool


@dataclass(frozen=True)
class AccessLine:
    """One line of the list of who has access."""

    user_id: UUID
    email: str
    name: str
    kind: str
    role: str
    password_strength: int | None
    two_factor: bool


async def get(conn: Connection, company_id: UUID) -> PrivacyRow | None:
    record = await conn.fetchrow(
        "SELECT company_id, support_access, require_2fa FROM company WHERE company_id = $1",
        company_id,
    )
    return PrivacyRow(**record) if record else None


async def save(conn: Connection, row: PrivacyRow) -> None:
    await conn.execute(
        "UPDATE company SET support_access = $2, require_2fa = $3 WHERE company_id = $1",
        row.company_id,
        row.support_access,
        row.require_2fa,
    )


async def access_list(conn: Connection, company_id: UUID) -> list[AccessLine]:
    """Internal users first, then external ones."""
    records = await conn.fetch(
        "SELECT u.user_id, u.email, u.first_name || ' ' || u.last_name AS name, m.kind, m.role, "
        "u.password_strength, u.totp_confirmed_at IS NOT NULL "
        "OR EXISTS (SELECT FROM passkey p WHERE p.user_id = u.user_id) AS two_factor "
        "FROM membership m JOIN app_user u USING (user_id) WHERE m.company_id = $1 AND m.active "
        "ORDER BY m.kind = 'internal' DESC, u.last_name, u.first_name",
        company_id,
    )
    return [AccessLine(**record) for record in records]


async def is_accountant(conn: Connection, user_id: UUID) -> bool:
    """Whether this account belongs to a firm (an accountant's account)."""
    found: bool = await conn.fetchval(
        "SELECT EXISTS (SELECT FROM membership m JOIN company c USING (company_id) "
        "WHERE m.user_id = $1 AND m.active AND m.kind = 'internal' AND c.kind = 'firm')",
        user_id,
    )
    return found


async def is_support(conn: Connection, user_id: UUID) -> bool:
    found: bool | None = await conn.fetchval(
        "SELECT is_support FROM app_user WHERE user_id = $1", user_id
    )
    return bool(found)


@dataclass(frozen=True)
class OpenCompany:
    """A company whose owners let support in."""

    company_id: UUID
    name: str
    inside: bool
    """Whether the one who asks is inside now."""


async def open_to_support(
    conn: Connection, user_id: UUID, text: str, limit: int
) -> list[OpenCompany]:
    records = await conn.fetch(
        "SELECT c.company_id, c.legal->>'name' AS name, EXISTS (SELECT FROM membership m "
        " WHERE m.company_id = c.company_id AND m.user_id = $1 AND m.kind = 'support' AND m.active) AS inside "
        "FROM company c WHERE c.support_access AND strpos(lower(c.legal->>'name'), lower($2)) > 0 "
        "ORDER BY lower(c.legal->>'name'), c.company_id LIMIT $3",
        user_id,
        text,
        limit,
    )
    return [OpenCompany(**record) for record in records]


async def make_support(conn: Connection, email: str, *, on: bool = True) -> bool:
    """For the operator; False when there is no such account."""
    done = await conn.execute(
        "UPDATE app_user SET is_support = $2 WHERE lower(email) = lower($1)", email, on
    )
    return done == "UPDATE 1"


@dataclass(frozen=True)
class Seats:
    """How many internal users there are or are invited, and how many there may be (None: no limit known)."""

    used: int
    allowed: int | None


async def seats(conn: Connection, company_id: UUID) -> Seats:
    record = await conn.fetchrow(
        "SELECT (SELECT count(*) FROM membership m WHERE m.company_id = $1 AND m.active "
        "AND m.kind = 'internal') "
        "+ (SELECT count(*) FROM member_invitation i WHERE i.company_id = $1) AS used, "
        "(SELECT s.seats FROM seats s WHERE s.company_id = $1) AS allowed",
        company_id,
    )
    assert record is not None  # noqa: S101 — a SELECT without FROM gives one row
    return Seats(**record)


async def seats_left(conn: Connection, company_id: UUID) -> int | None:
    """How many internal users may still be added; None: no limit known."""
    now = await seats(conn, company_id)
    return None if now.allowed is None else now.allowed - now.used


async def set_seats(conn: Connection, company_id: UUID, seats: int, version: int) -> None:
    await conn.execute(
        "INSERT INTO seats (company_id, seats, version) VALUES ($1, $2, $3) "
        "ON CONFLICT (company_id) DO UPDATE SET seats = EXCLUDED.seats, version = EXCLUDED.version "
        "WHERE seats.version < EXCLUDED.version",
        company_id,
        seats,
        version,
    )
