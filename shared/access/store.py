"""Reading the access projection: everything a decision needs, in one query."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.access.rights import ALWAYS_ON
from shared.database import Connection


@dataclass(frozen=True)
class Standing:
    """What this service knows of a caller's membership; None fields: not heard of yet."""

    membership_version: int | None
    active: bool
    role: str
    kind: str
    profile_id: UUID | None
    rights: frozenset[str]
    apps: frozenset[str]
    language: str
    company_kind: str | None
    company_name: str
    billing_enabled: bool
    billing_profiles: frozenset[UUID]
    session_revoked: bool
    second_factor_due: bool


def apps_in(own: list[str], company: list[str] | None) -> frozenset[str]:
    """What the person may use and the company does (P7); null: the company uses all there are."""
    return frozenset(app for app in own if app in ALWAYS_ON or company is None or app in company)


async def standing(conn: Connection, membership_id: UUID, session_id: UUID) -> Standing:
    """The caller's standing by this service's own tables."""
    row = await conn.fetchrow(
        "SELECT m.version, m.active, m.role, m.kind, m.profile_id, m.rights, m.apps, m.language, "
        "       m.second_factor_due, "
        "       p.rights AS profile_rights, p.active AS profile_active, "
        "       c.kind AS company_kind, c.name AS company_name, c.state->'apps' AS company_apps, "
        "       b.enabled, b.profile_ids, "
        "       EXISTS (SELECT FROM access.revoked_sessions WHERE session_id = $2) AS revoked "
        "FROM (SELECT 1) AS one "
        "LEFT JOIN access.memberships m ON m.membership_id = $1 "
        "LEFT JOIN access.profiles p ON p.profile_id = m.profile_id "
        "LEFT JOIN access.companies c ON c.company_id = m.company_id "
        "LEFT JOIN access.billing b ON b.company_id = m.company_id",
        membership_id,
        session_id,
    )
    assert row is not None  # noqa: S101 — the outer SELECT 1 always gives one row
    profile_rights = (row["profile_rights"] or []) if row["profile_active"] else []
    return Standing(
        membership_version=row["version"],
        active=bool(row["active"]),
        role=row["role"] or "",
        kind=row["kind"] or "",
        profile_id=row["profile_id"] if row["profile_active"] else None,
        rights=frozenset([*(row["rights"] or []), *profile_rights]),
        apps=apps_in(row["apps"] or [], row["company_apps"]),
        language=row["language"] or "fr",
        company_kind=row["company_kind"],
        company_name=row["company_name"] or "",
        billing_enabled=bool(row["enabled"]),
        billing_profiles=frozenset(row["profile_ids"] or []),
        session_revoked=row["revoked"],
        second_factor_due=bool(row["second_factor_due"]),
    )


@dataclass(frozen=True)
class PublishedKey:
    key_id: UUID
    public_key: str
    """A JWK in JSON."""
    expires_at: datetime


async def public_keys(conn: Connection) -> list[PublishedKey]:
    """The verification keys that haven't expired: a few."""
    records = await conn.fetch(
        "SELECT key_id, public_key, expires_at FROM access.signing_keys WHERE expires_at > now()"
    )
    return [PublishedKey(**record) for record in records]
