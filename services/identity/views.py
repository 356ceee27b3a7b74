"""What identity shows."""

from typing import Any
from uuid import UUID

from services.identity.domain.legal import missing_fields
from services.identity.domain.secrets import hash_secret
from services.identity.store import companies, profiles, sessions, users
from services.identity.store.api_keys import ApiKeyRow
from services.identity.store.companies import CompanyRow
from services.identity.store.privacy import AccessLine
from services.identity.store.users import MembershipRow, UserRow
from shared.clock import Clock
from shared.database import Database
from shared.problems import Unauthenticated


def company_view(row: CompanyRow) -> dict[str, Any]:
    """A company as the API shows it."""
    return {
        "company_id": str(row.company_id),
        "kind": row.kind,
        "firm_id": str(row.firm_id) if row.firm_id else None,
        "company": row.legal.model_dump(mode="json"),
        "missing_legal_fields": missing_fields(row.legal),
        "version": row.version,
    }


def member_view(row: MembershipRow, user: UserRow) -> dict[str, Any]:
    """A user of a company as the API shows it."""
    return {
        "user_id": str(row.user_id),
        "membership_id": str(row.membership_id),
        "email": user.email,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "language": user.language,
        "role": row.role,
        "kind": row.kind,
        "profile_id": str(row.profile_id) if row.profile_id else None,
        "rights": row.rights,
        "apps": row.apps,
        "version": row.version,
    }


async def companies_of_session(db: Database, secret: str, clock: Clock) -> list[dict[str, Any]]:
    """The companies that the person of this session can work in (D12)."""
    async with db.system_transaction() as conn:
        session = await sessions.by_secret(conn, hash_secret(secret), clock())
        if session is None:
            raise Unauthenticated("The session has ended; sign in again.")
        found = []
        for row in await users.memberships_of(conn, session.user_id):
            company = await companies.get(conn, row.company_id)
            if company is not None:
                found.append(
                    {
                        "company_id": str(row.company_id),
                        "name": company.legal.name,
                        "kind": company.kind,
                        "role": row.role,
                    }
                )
    return found


async def members_of(db: Database, company_id: UUID) -> list[dict[str, Any]]:
    """The users of a company."""
    async with db.transaction(company_id) as conn:
        return [member_view(row, user) for row, user in await users.members(conn, company_id)]


async def profiles_of(db: Database, company_id: UUID) -> list[dict[str, Any]]:
    """The profiles of a company."""
    async with db.transaction(company_id) as conn:
        rows = await profiles.of_company(conn, company_id)
    return [
        {"profile_id": str(r.profile_id), "name": r.name, "rights": r.rights, "version": r.version}
        for r in rows
    ]


def access_view(row: AccessLine) -> dict[str, Any]:
    """One line of the list of who has access; strength from 0 (weak) to 4."""
    return {
        "user_id": str(row.user_id),
        "email": row.email,
        "name": row.name,
        "kind": row.kind,
        "role": row.role,
        "password_strength": row.password_strength,
        "two_factor": row.two_factor,
    }


def key_view(row: ApiKeyRow) -> dict[str, Any]:
    """An API key without its secret."""
    return {
        "key_id": str(row.key_id),
        "name": row.name,
        "scopes": row.scopes,
        "created_at": row.created_at.isoformat(),
        "expires_at": row.expires_at.isoformat(),
        "revoked_at": row.revoked_at.isoformat() if row.revoked_at else None,
    }
