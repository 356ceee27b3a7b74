"""Profiles: the company's own named sets of rights (D11)."""

from dataclasses import replace
from uuid import UUID

from services.identity import announce
from services.identity.commands.companies import may_administer
from services.identity.domain.access import check_grant
from services.identity.domain.errors import ProfileInUse, ProfileNameTaken
from services.identity.store import companies, profiles
from services.identity.store.profiles import ProfileRow
from shared.access.guard import Principal
from shared.access.rights import USER_MANAGEMENT
from shared.database import Connection, Database
from shared.ids import new_id
from shared.problems import NotFound


async def save_profile(
    db: Database,
    caller: Principal,
    company_id: UUID,
    profile_id: UUID | None,
    name: str,
    rights: list[str],
) -> ProfileRow:
    """Create (`profile_id` None) or change a profile; nobody puts in it what he doesn't hold."""
    async with db.system_transaction() as conn:
        existing = await _existing(conn, caller, company_id, profile_id) if profile_id else None
        if existing is None:
            may_administer(await companies.lock(conn, company_id), caller, USER_MANAGEMENT)
        check_grant(caller.rights, rights, existing.rights if existing else ())
        same = await profiles.named(conn, company_id, name)
        if same is not None and same != profile_id:
            raise ProfileNameTaken(
                errors=[{"field": "name", "message": "is the name of another profile"}]
            )
        if existing is None:
            row = ProfileRow(new_id(), company_id, name, rights, active=True, version=1)
            await profiles.add(conn, row)
        else:
            row = replace(existing, name=name, rights=rights, version=existing.version + 1)
            await profiles.save(conn, row)
        await announce.profile(conn, row, caller.actor)
    return row


async def remove_profile(
    db: Database, caller: Principal, company_id: UUID, profile_id: UUID
) -> None:
    """Take a profile away that nobody has."""
    async with db.system_transaction() as conn:
        existing = await _existing(conn, caller, company_id, profile_id)
        if await profiles.holders(conn, company_id, profile_id):
            raise ProfileInUse
        row = replace(existing, active=False, version=existing.version + 1)
        await profiles.save(conn, row)
        await announce.profile(conn, row, caller.actor)


async def _existing(
    conn: Connection, caller: Principal, company_id: UUID, profile_id: UUID
) -> ProfileRow:
    may_administer(await companies.lock(conn, company_id), caller, USER_MANAGEMENT)
    row = await profiles.lock(conn, company_id, profile_id)
    if row is None or not row.active:
        raise NotFound
    return row
