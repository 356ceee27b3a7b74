"""What identity shows."""

from datetime import datetime
from typing import Any
from uuid import UUID

from services.identity.domain.errors import SecondFactorNeeded
from services.identity.domain.legal import missing_fields
from services.identity.domain.secrets import hash_secret
from services.identity.store import (
    companies,
    factors,
    invitations,
    passkeys,
    privacy,
    profiles,
    sessions,
    users,
)
from services.identity.store.api_keys import ApiKeyRow
from services.identity.store.companies import CompanyRow
from services.identity.store.invitations import InvitationRow
from services.identity.store.privacy import AccessLine
from services.identity.store.users import MemberLine, MembershipRow, UserRow
from shared.access.guard import Principal
from shared.clock import Clock
from shared.database import Connection, Database
from shared.problems import Unauthenticated


def company_view(row: CompanyRow) -> dict[str, Any]:
    """A company as the API shows it."""
    return {
        "company_id": str(row.company_id),
        "kind": row.kind,
        "firm_id": str(row.firm_id) if row.firm_id else None,
        "company": row.legal.model_dump(mode="json"),
        "missing_legal_fields": missing_fields(row.legal),
        "apps": row.apps,
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


def line_view(row: MemberLine, invitation: str | None = None) -> dict[str, Any]:
    """One line of the list of users; `invitation` is `pending` or `expired` until it is accepted."""
    shown = {**row.__dict__, "invitation": invitation}
    for name in ("user_id", "membership_id", "profile_id"):
        shown[name] = str(shown[name]) if shown[name] else None
    return shown


def invited_view(row: InvitationRow, now: datetime) -> dict[str, Any]:
    """Somebody who hasn't accepted yet, by what the company itself wrote."""
    person = (
        row.user_id,
        row.membership_id,
        row.email,
        row.first_name,
        row.last_name,
        row.language,
    )
    line = MemberLine(
        *person, row.role, "internal", row.profile_id, row.rights, row.apps, version=0
    )
    return line_view(line, "pending" if row.expires_at > now else "expired")


async def companies_of_session(db: Database, secret: str, clock: Clock) -> list[dict[str, Any]]:
    """The companies that the person of this session can work in (D12); SecondFactorNeeded before
    the second step: a password alone tells nothing."""
    async with db.system_transaction() as conn:
        session = await sessions.by_secret(conn, hash_secret(secret), clock())
        if session is None:
            raise Unauthenticated("The session has ended; sign in again.")
        enrolled = await factors.enrolled(conn, session.user_id)
        if enrolled and session.second_factor_at is None:
            raise SecondFactorNeeded
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
                        "membership": row.kind,
                    }
                )
    return found


async def members_of(
    db: Database, company_id: UUID, clock: Clock, *, former: bool = False
) -> list[dict[str, Any]]:
    """The users of a company with those who are invited, or those who were; internal ones first."""
    async with db.transaction(company_id) as conn:
        rows = await users.lines(conn, company_id, active=not former)
        invited = [] if former else await invitations.of_company(conn, company_id)
    found = [line_view(row) for row in rows] + [invited_view(row, clock()) for row in invited]
    return sorted(
        found,
        key=lambda u: (
            u["kind"] != "internal", u["last_name"].lower(), u["first_name"].lower(), u["user_id"]
        ),
    )  # fmt: skip


async def profiles_of(db: Database, company_id: UUID) -> list[dict[str, Any]]:
    """The profiles of a company."""
    async with db.transaction(company_id) as conn:
        rows = await profiles.of_company(conn, company_id)
    return [
        {"profile_id": str(r.profile_id), "name": r.name, "rights": r.rights, "version": r.version}
        for r in rows
    ]


async def session_state(db: Database, secret: str, clock: Clock) -> dict[str, Any]:
    """The factors that an open session still asks for; none when it is complete."""
    async with db.system_transaction() as conn:
        session = await sessions.by_secret(conn, hash_secret(secret), clock())
        if session is None:
            raise Unauthenticated("The session has ended; sign in again.")
        if session.second_factor_at is not None:
            return {"factors": []}
        return {"factors": await _factors(conn, session.user_id)}


async def _factors(conn: Connection, user_id: UUID) -> list[str]:
    row = await factors.lock(conn, user_id)
    app = ["app"] if row.totp_confirmed_at is not None else []
    return app + (["passkey"] if await passkeys.of_user(conn, user_id) else [])


async def oneself(db: Database, caller: Principal, passkeys_possible: bool) -> dict[str, Any]:
    """Oneself as Personal settings show it."""
    async with db.system_transaction() as conn:
        user = await users.by_id(conn, caller.user_id)
        if user is None:
            raise Unauthenticated
        return {
            "user_id": str(user.user_id),
            "email": user.email,
            "first_name": user.first_name,
            "last_name": user.last_name,
            "language": user.language,
            "support": await privacy.is_support(conn, caller.user_id),
            "authenticator": "app" in await _factors(conn, caller.user_id),
            "recovery_codes_left": await factors.recovery_codes_left(conn, caller.user_id),
            "passkeys_possible": passkeys_possible,
            "passkeys": [
                {
                    "passkey_id": str(k.passkey_id),
                    "name": k.name,
                    "created_at": k.created_at.isoformat(),
                    "used_at": k.used_at.isoformat() if k.used_at else None,
                }
                for k in await passkeys.of_user(conn, caller.user_id)
            ],
        }


async def sessions_of(db: Database, caller: Principal, clock: Clock) -> list[dict[str, Any]]:
    """One's open sessions; `current` marks the one that asks."""
    async with db.system_transaction() as conn:
        rows = await sessions.lines(conn, caller.user_id, clock())
    return [
        {
            "session_id": str(row.session_id),
            "created_at": row.created_at.isoformat(),
            "seen_at": row.seen_at.isoformat() if row.seen_at else None,
            "address": row.address,
            "agent": row.agent,
            "current": row.session_id == caller.session_id,
        }
        for row in rows
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
