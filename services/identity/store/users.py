"""Users and their memberships."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.contracts.identity import MembershipKind, Role
from shared.database import Connection, Record


@dataclass(frozen=True)
class UserRow:
    user_id: UUID
    email: str
    first_name: str
    last_name: str
    language: str
    password_hash: str | None


@dataclass(frozen=True)
class MembershipRow:
    membership_id: UUID
    company_id: UUID
    user_id: UUID
    role: Role
    kind: MembershipKind
    profile_id: UUID | None
    rights: list[str]
    apps: list[str]
    active: bool
    version: int


async def add_user(conn: Connection, user: UserRow, now: datetime) -> bool:
    """False when the address has an account, made at the same moment by another link."""
    done = await conn.execute(
        "INSERT INTO app_user (user_id, email, first_name, last_name, language, password_hash, created_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
        user.user_id,
        user.email,
        user.first_name,
        user.last_name,
        user.language,
        user.password_hash,
        now,
    )
    return done == "INSERT 0 1"


async def by_email(conn: Connection, email: str) -> UserRow | None:
    record = await conn.fetchrow(
        "SELECT user_id, email, first_name, last_name, language, password_hash "
        "FROM app_user WHERE lower(email) = lower($1)",
        email,
    )
    return UserRow(**record) if record else None


async def by_id(conn: Connection, user_id: UUID) -> UserRow | None:
    record = await conn.fetchrow(
        "SELECT user_id, email, first_name, last_name, language, password_hash FROM app_user WHERE user_id = $1",
        user_id,
    )
    return UserRow(**record) if record else None


async def set_password(conn: Connection, user_id: UUID, password_hash: str, strength: int) -> None:
    """The strength is computed when the password is set; it can't be had from the hash."""
    await conn.execute(
        "UPDATE app_user SET password_hash = $2, password_strength = $3 WHERE user_id = $1",
        user_id,
        password_hash,
        strength,
    )


async def rename(
    conn: Connection, user_id: UUID, first_name: str, last_name: str, language: str
) -> None:
    await conn.execute(
        "UPDATE app_user SET first_name = $2, last_name = $3, language = $4 WHERE user_id = $1",
        user_id,
        first_name,
        last_name,
        language,
    )


def _membership(record: Record) -> MembershipRow:
    return MembershipRow(**record)


async def add_membership(conn: Connection, row: MembershipRow) -> None:
    await conn.execute(
        "INSERT INTO membership (membership_id, company_id, user_id, role, kind, profile_id, rights, apps, "
        "active, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        row.membership_id,
        row.company_id,
        row.user_id,
        row.role,
        row.kind,
        row.profile_id,
        row.rights,
        row.apps,
        row.active,
        row.version,
    )


async def save_membership(conn: Connection, row: MembershipRow) -> None:
    await conn.execute(
        "UPDATE membership SET role = $2, profile_id = $3, rights = $4, apps = $5, active = $6, version = $7, "
        "kind = $8 WHERE membership_id = $1",
        row.membership_id,
        row.role,
        row.profile_id,
        row.rights,
        row.apps,
        row.active,
        row.version,
        row.kind,
    )


async def lock_membership(
    conn: Connection, company_id: UUID, user_id: UUID
) -> MembershipRow | None:
    record = await conn.fetchrow(
        "SELECT membership_id, company_id, user_id, role, kind, profile_id, rights, apps, active, version "
        "FROM membership WHERE company_id = $1 AND user_id = $2 FOR UPDATE",
        company_id,
        user_id,
    )
    return _membership(record) if record else None


async def is_member(conn: Connection, company_id: UUID, email: str) -> bool:
    """Whether somebody with that address has access to the company."""
    found: bool = await conn.fetchval(
        "SELECT EXISTS (SELECT FROM membership m JOIN app_user u USING (user_id) "
        "WHERE m.company_id = $1 AND lower(u.email) = lower($2) AND m.active)",
        company_id,
        email,
    )
    return found


async def memberships_of(conn: Connection, user_id: UUID) -> list[MembershipRow]:
    records = await conn.fetch(
        "SELECT membership_id, company_id, user_id, role, kind, profile_id, rights, apps, active, version "
        "FROM membership WHERE user_id = $1 AND active ORDER BY membership_id",
        user_id,
    )
    return [_membership(record) for record in records]


async def all_memberships_of(conn: Connection, user_id: UUID) -> list[MembershipRow]:
    """Those that have ended as well; held."""
    records = await conn.fetch(
        "SELECT membership_id, company_id, user_id, role, kind, profile_id, rights, apps, active, version "
        "FROM membership WHERE user_id = $1 ORDER BY membership_id FOR UPDATE",
        user_id,
    )
    return [_membership(record) for record in records]


async def members(conn: Connection, company_id: UUID) -> list[tuple[MembershipRow, UserRow]]:
    records = await conn.fetch(
        "SELECT m.membership_id, m.company_id, m.user_id, m.role, m.kind, m.profile_id, m.rights, m.apps, "
        "m.active, m.version, u.email, u.first_name, u.last_name, u.language "
        "FROM membership m JOIN app_user u USING (user_id) "
        "WHERE m.company_id = $1 AND m.active ORDER BY u.last_name, u.first_name",
        company_id,
    )
    return [_with_user(record) for record in records]


def _with_user(record: Record) -> tuple[MembershipRow, UserRow]:
    user = UserRow(
        record["user_id"],
        record["email"],
        record["first_name"],
        record["last_name"],
        record["language"],
        None,
    )
    row = {
        k: v for k, v in record.items() if k not in ("email", "first_name", "last_name", "language")
    }
    return MembershipRow(**row), user


@dataclass(frozen=True)
class MemberLine:
    """A user of a company as the list shows him."""

    user_id: UUID
    membership_id: UUID
    email: str
    first_name: str
    last_name: str
    language: str
    role: Role
    kind: MembershipKind
    profile_id: UUID | None
    rights: list[str]
    apps: list[str]
    version: int


async def lines(conn: Connection, company_id: UUID, *, active: bool) -> list[MemberLine]:
    """Those who have access, or those who had it and aren't erased."""
    records = await conn.fetch(
        "SELECT u.user_id, m.membership_id, u.email, u.first_name, u.last_name, u.language, m.role, m.kind, "
        "m.profile_id, m.rights, m.apps, m.version "
        "FROM membership m JOIN app_user u USING (user_id) "
        "WHERE m.company_id = $1 AND m.active = $2 AND (m.active OR u.email NOT LIKE 'erased-%@invalid')",
        company_id,
        active,
    )
    return [MemberLine(**record) for record in records]


async def owners(conn: Connection, company_id: UUID) -> int:
    count: int = await conn.fetchval(
        "SELECT count(*) FROM membership WHERE company_id = $1 AND role = 'owner' AND active",
        company_id,
    )
    return count
