"""Invitations of companies, and links for forgotten passwords; of each secret only the hash is kept."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.identity.store.users import MembershipRow, UserRow
from shared.contracts.identity import Role
from shared.database import Connection


@dataclass(frozen=True)
class InvitationRow:
    """What a company offers to whoever reads an address; names as the company typed them."""

    membership_id: UUID
    company_id: UUID
    user_id: UUID
    email: str
    first_name: str
    last_name: str
    language: str
    role: Role
    profile_id: UUID | None
    rights: list[str]
    apps: list[str]
    expires_at: datetime

    @property
    def membership(self) -> MembershipRow:
        """The membership that it becomes."""
        return MembershipRow(
            self.membership_id, self.company_id, self.user_id, self.role, "internal",
            self.profile_id, self.rights, self.apps, active=False, version=0,
        )  # fmt: skip

    @property
    def person(self) -> UserRow:
        """The account that it becomes, where there is none."""
        return UserRow(
            self.user_id, self.email, self.first_name, self.last_name, self.language, None
        )


@dataclass(frozen=True)
class Offer:
    """An invitation as the invited sees it."""

    membership_id: UUID
    company_id: UUID
    company_name: str
    role: Role


async def add(conn: Connection, row: InvitationRow, secret_hash: bytes) -> None:
    await conn.execute(
        "INSERT INTO member_invitation (membership_id, company_id, user_id, email, first_name, last_name, "
        "language, role, profile_id, rights, apps, secret_hash, expires_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        row.membership_id,
        row.company_id,
        row.user_id,
        row.email,
        row.first_name,
        row.last_name,
        row.language,
        row.role,
        row.profile_id,
        row.rights,
        row.apps,
        secret_hash,
        row.expires_at,
    )


async def save(conn: Connection, row: InvitationRow) -> None:
    await conn.execute(
        "UPDATE member_invitation SET role = $2, profile_id = $3, rights = $4, apps = $5 "
        "WHERE membership_id = $1",
        row.membership_id,
        row.role,
        row.profile_id,
        row.rights,
        row.apps,
    )


async def renew(
    conn: Connection, membership_id: UUID, secret_hash: bytes, expires_at: datetime
) -> None:
    """Another link; the one before is void."""
    await conn.execute(
        "UPDATE member_invitation SET secret_hash = $2, expires_at = $3 WHERE membership_id = $1",
        membership_id,
        secret_hash,
        expires_at,
    )


async def lock(conn: Connection, company_id: UUID, user_id: UUID) -> InvitationRow | None:
    record = await conn.fetchrow(
        "SELECT membership_id, company_id, user_id, email, first_name, last_name, language, role, "
        "profile_id, rights, apps, expires_at FROM member_invitation "
        "WHERE company_id = $1 AND user_id = $2 FOR UPDATE",
        company_id,
        user_id,
    )
    return InvitationRow(**record) if record else None


async def is_out(conn: Connection, company_id: UUID, email: str) -> bool:
    """Whether the company has invited that address already."""
    found: bool = await conn.fetchval(
        "SELECT EXISTS (SELECT FROM member_invitation WHERE company_id = $1 AND lower(email) = lower($2))",
        company_id,
        email,
    )
    return found


async def by_secret(conn: Connection, secret_hash: bytes, now: datetime) -> InvitationRow | None:
    """Held; None when there is none, it was used or it expired."""
    record = await conn.fetchrow(
        "SELECT membership_id, company_id, user_id, email, first_name, last_name, language, role, "
        "profile_id, rights, apps, expires_at FROM member_invitation "
        "WHERE secret_hash = $1 AND expires_at > $2 FOR UPDATE",
        secret_hash,
        now,
    )
    return InvitationRow(**record) if record else None


async def to_person(
    conn: Connection, membership_id: UUID, email: str, now: datetime
) -> InvitationRow | None:
    """Held; None unless it is for that address."""
    record = await conn.fetchrow(
        "SELECT membership_id, company_id, user_id, email, first_name, last_name, language, role, "
        "profile_id, rights, apps, expires_at FROM member_invitation "
        "WHERE membership_id = $1 AND lower(email) = lower($2) AND expires_at > $3 FOR UPDATE",
        membership_id,
        email,
        now,
    )
    return InvitationRow(**record) if record else None


async def of_company(conn: Connection, company_id: UUID) -> list[InvitationRow]:
    records = await conn.fetch(
        "SELECT membership_id, company_id, user_id, email, first_name, last_name, language, role, "
        "profile_id, rights, apps, expires_at FROM member_invitation WHERE company_id = $1",
        company_id,
    )
    return [InvitationRow(**record) for record in records]


async def offers_to(conn: Connection, email: str, now: datetime) -> list[Offer]:
    """What companies offer to somebody."""
    records = await conn.fetch(
        "SELECT i.membership_id, i.company_id, c.legal->>'name' AS company_name, i.role "
        "FROM member_invitation i JOIN company c USING (company_id) "
        "WHERE lower(i.email) = lower($1) AND i.expires_at > $2 ORDER BY company_name, i.membership_id",
        email,
        now,
    )
    return [Offer(**record) for record in records]


async def remove(conn: Connection, membership_id: UUID) -> None:
    await conn.execute("DELETE FROM member_invitation WHERE membership_id = $1", membership_id)


async def reset(
    conn: Connection, user_id: UUID, secret_hash: bytes, expires_at: datetime, not_after: datetime
) -> bool:
    """A link for whoever forgot the password; False when one that ends after `not_after` is out."""
    done = await conn.execute(
        "INSERT INTO password_reset (user_id, secret_hash, expires_at) VALUES ($1, $2, $3) "
        "ON CONFLICT (user_id) DO UPDATE SET secret_hash = EXCLUDED.secret_hash, expires_at = EXCLUDED.expires_at "
        "WHERE password_reset.expires_at <= $4",
        user_id,
        secret_hash,
        expires_at,
        not_after,
    )
    return done == "INSERT 0 1"


async def reset_of(conn: Connection, secret_hash: bytes, now: datetime) -> UUID | None:
    """Whose link it is, held; None when there is none, it was used or it expired."""
    user_id: UUID | None = await conn.fetchval(
        "SELECT user_id FROM password_reset WHERE secret_hash = $1 AND expires_at > $2 FOR UPDATE",
        secret_hash,
        now,
    )
    return user_id


async def forget_reset(conn: Connection, user_id: UUID) -> None:
    await conn.execute("DELETE FROM password_reset WHERE user_id = $1", user_id)
