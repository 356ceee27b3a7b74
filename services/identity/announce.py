"""Telling everybody, this service's own access projection included, in the transaction of the change."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from services.identity.domain.legal import missing_fields
from services.identity.store import factors
from services.identity.store.companies import CompanyRow
from services.identity.store.profiles import ProfileRow
from services.identity.store.users import MembershipRow, UserRow
from shared import outbox
from shared.access import projection
from shared.contracts.identity import (
    ActionRecorded,
    CompanyChanged,
    CompanyRegistered,
    MembershipChanged,
    ProfileChanged,
    SessionRevoked,
    SigningKeyPublished,
)
from shared.database import Connection
from shared.events import Actor
from shared.ids import new_id
from shared.origin import network_of


async def company(
    conn: Connection, row: CompanyRow, actor: Actor, *, registered: bool = False
) -> None:
    """`company.changed`, and `company.registered` the first time."""
    fields = {
        "company_id": row.company_id,
        "kind": row.kind,
        "firm_id": row.firm_id,
        "company": row.legal,
        "missing_legal_fields": missing_fields(row.legal),
        "apps": row.apps,
    }
    if registered:
        fact = CompanyRegistered.model_validate(fields)
        await outbox.append(conn, fact, actor=actor, aggregate_version=row.version)
    event = CompanyChanged.model_validate(fields)
    envelope = await outbox.append(conn, event, actor=actor, aggregate_version=row.version)
    await projection.project_company(conn, event, envelope)


async def membership(conn: Connection, row: MembershipRow, user: UserRow, actor: Actor) -> None:
    """`membership.changed`."""
    event = MembershipChanged(
        membership_id=row.membership_id,
        user_id=row.user_id,
        company_id=row.company_id,
        role=row.role,
        kind=row.kind,
        profile_id=row.profile_id,
        rights=row.rights,
        apps=row.apps,
        active=row.active,
        second_factor_due=row.active and await factors.due(conn, row.company_id, row.user_id),
        email=user.email,
        first_name=user.first_name,
        last_name=user.last_name,
        language=user.language,
    )
    envelope = await outbox.append(conn, event, actor=actor, aggregate_version=row.version)
    await projection.project_membership(conn, event, envelope)


async def profile(conn: Connection, row: ProfileRow, actor: Actor) -> None:
    """`profile.changed`."""
    event = ProfileChanged(
        profile_id=row.profile_id,
        company_id=row.company_id,
        name=row.name,
        rights=row.rights,
        active=row.active,
    )
    envelope = await outbox.append(conn, event, actor=actor, aggregate_version=row.version)
    await projection.project_profile(conn, event, envelope)


async def revoked(
    conn: Connection, session_id: UUID, user_id: UUID, now: datetime, actor: Actor
) -> None:
    """`session.revoked`."""
    event = SessionRevoked(session_id=session_id, user_id=user_id, revoked_at=now)
    envelope = await outbox.append(conn, event, actor=actor, aggregate_version=1)
    await projection.project_revocation(conn, event, envelope)


async def signing_key(
    conn: Connection, key_id: UUID, public_key: str, expires_at: datetime
) -> None:
    """`signing_key.published`."""
    event = SigningKeyPublished(key_id=key_id, public_key=public_key, expires_at=expires_at)
    system = Actor(kind="system", id="identity")
    envelope = await outbox.append(conn, event, actor=system, aggregate_version=1)
    await projection.project_signing_key(conn, event, envelope)


async def action(
    conn: Connection,
    name: str,
    *,
    user_id: UUID | None,
    company_id: UUID | None,
    address: str,
    detail: str = "",
    switches: Mapping[str, tuple[bool, bool]] | None = None,
) -> None:
    """`action.recorded`: sign-ins and the like, for the audit; of an address its network (shared.origin);
    of switches how they were and are."""
    switched = {n: now for n, (was, now) in (switches or {}).items() if was != now}
    event = ActionRecorded(
        action_id=new_id(),
        company_id=company_id,
        user_id=user_id,
        action=name,
        detail=detail,
        address=network_of(address),
        switches=switched,
        switches_before={name: not now for name, now in switched.items()},
    )
    actor = Actor(kind="user", id=str(user_id)) if user_id else Actor(kind="system", id="identity")
    await outbox.append(conn, event, actor=actor, aggregate_version=1)
