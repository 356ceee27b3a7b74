"""The access projection: identity's and the portal's facts, kept by every service that decides."""

from collections.abc import Sequence

from shared.contracts.identity import (
    CompanyChanged,
    MembershipChanged,
    ProfileChanged,
    SessionRevoked,
    SigningKeyPublished,
)
from shared.contracts.portal import (
    BillingAccessChanged,
    BillingDisabled,
    BillingEnabled,
    BillingEvent,
)
from shared.database import Connection
from shared.events import Envelope
from shared.messaging import Consumers

LANE = "access"


def listen_to_identity(consumers: Consumers) -> None:
    """Register the handlers for identity's topics; on a lane of their own, ahead of documents."""
    consumers.on(SigningKeyPublished, lane=LANE)(project_signing_key)
    consumers.on(CompanyChanged, lane=LANE)(project_company)
    consumers.on(MembershipChanged, lane=LANE)(project_membership)
    consumers.on(ProfileChanged, lane=LANE)(project_profile)
    consumers.on(SessionRevoked, lane=LANE)(project_revocation)


def listen_to_billing_access(consumers: Consumers) -> None:
    """Register the handlers for the portal's three billing topics."""
    for kind in (BillingEnabled, BillingAccessChanged, BillingDisabled):
        consumers.on(kind, lane=LANE)(project_billing)


async def project_signing_key(
    conn: Connection, event: SigningKeyPublished, envelope: Envelope
) -> None:
    await conn.execute(
        "INSERT INTO access.signing_keys (key_id, public_key, expires_at, version) "
        "VALUES ($1, $2, $3, $4) ON CONFLICT (key_id) DO UPDATE "
        "SET public_key = EXCLUDED.public_key, expires_at = EXCLUDED.expires_at, "
        "    version = EXCLUDED.version "
        "WHERE access.signing_keys.version < EXCLUDED.version",
        event.key_id,
        event.public_key,
        event.expires_at,
        envelope.aggregate_version,
    )


async def project_company(conn: Connection, event: CompanyChanged, envelope: Envelope) -> None:
    state = event.company.model_dump(mode="json")
    state["missing_legal_fields"] = event.missing_legal_fields
    state["apps"] = event.apps
    await conn.execute(
        "INSERT INTO access.companies (company_id, kind, firm_id, name, country, state, version) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (company_id) DO UPDATE "
        "SET kind = EXCLUDED.kind, firm_id = EXCLUDED.firm_id, name = EXCLUDED.name, "
        "    country = EXCLUDED.country, state = EXCLUDED.state, version = EXCLUDED.version "
        "WHERE access.companies.version < EXCLUDED.version",
        event.company_id,
        event.kind,
        event.firm_id,
        event.company.name,
        event.company.address.country,
        state,
        envelope.aggregate_version,
    )


async def project_membership(
    conn: Connection, event: MembershipChanged, envelope: Envelope
) -> None:
    await conn.execute(
        "INSERT INTO access.memberships (membership_id, user_id, company_id, role, kind, "
        "profile_id, rights, apps, active, email, first_name, last_name, language, version, "
        "second_factor_due) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) "
        "ON CONFLICT (membership_id) DO UPDATE "
        "SET role = EXCLUDED.role, kind = EXCLUDED.kind, profile_id = EXCLUDED.profile_id, "
        "    rights = EXCLUDED.rights, apps = EXCLUDED.apps, active = EXCLUDED.active, "
        "    email = EXCLUDED.email, first_name = EXCLUDED.first_name, "
        "    last_name = EXCLUDED.last_name, language = EXCLUDED.language, "
        "    version = EXCLUDED.version, second_factor_due = EXCLUDED.second_factor_due "
        "WHERE access.memberships.version < EXCLUDED.version",
        event.membership_id,
        event.user_id,
        event.company_id,
        event.role,
        event.kind,
        event.profile_id,
        event.rights,
        event.apps,
        event.active,
        event.email,
        event.first_name,
        event.last_name,
        event.language,
        envelope.aggregate_version,
        event.second_factor_due,
    )


async def project_profile(conn: Connection, event: ProfileChanged, envelope: Envelope) -> None:
    await conn.execute(
        "INSERT INTO access.profiles (profile_id, company_id, name, rights, active, version) "
        "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (profile_id) DO UPDATE "
        "SET name = EXCLUDED.name, rights = EXCLUDED.rights, active = EXCLUDED.active, "
        "    version = EXCLUDED.version "
        "WHERE access.profiles.version < EXCLUDED.version",
        event.profile_id,
        event.company_id,
        event.name,
        event.rights,
        event.active,
        envelope.aggregate_version,
    )


async def project_revocation(conn: Connection, event: SessionRevoked, envelope: Envelope) -> None:  # noqa: ARG001
    await conn.execute(
        "INSERT INTO access.revoked_sessions (session_id, revoked_at) VALUES ($1, $2) "
        "ON CONFLICT DO NOTHING",
        event.session_id,
        event.revoked_at,
    )


async def project_billing(conn: Connection, event: BillingEvent, envelope: Envelope) -> None:
    await project_billings(conn, [(event, envelope)])


async def project_billings(
    conn: Connection, heard: Sequence[tuple[BillingEvent, Envelope]]
) -> None:
    """Of many companies, in one round trip."""
    await conn.executemany(
        "INSERT INTO access.billing (company_id, enabled, profile_ids, version) "
        "VALUES ($1, $2, $3, $4) ON CONFLICT (company_id) DO UPDATE "
        "SET enabled = EXCLUDED.enabled, profile_ids = EXCLUDED.profile_ids, "
        "    version = EXCLUDED.version "
        "WHERE access.billing.version < EXCLUDED.version",
        [
            (
                event.company_id,
                event.enabled,
                [profile.profile_id for profile in event.profiles],
                envelope.aggregate_version,
            )
            for event, envelope in heard
        ],
    )
