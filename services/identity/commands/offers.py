"""What companies offer to somebody who has signed in: to accept, to decline; founding another one, leaving one."""

from uuid import UUID

from services.identity import announce
from services.identity.commands.companies import check_legal, found_company
from services.identity.commands.invitations import attach
from services.identity.commands.standing import end_client_files, end_membership
from services.identity.domain.errors import LastOwner, SecondFactorNeeded
from services.identity.domain.secrets import hash_secret
from services.identity.store import companies, factors, invitations, sessions, users
from services.identity.store.companies import CompanyRow
from services.identity.store.invitations import InvitationRow, Offer
from services.identity.store.users import UserRow
from shared.access.guard import Principal
from shared.clock import Clock
from shared.contracts.identity import Company, CompanyKind
from shared.database import Connection, Database
from shared.problems import NotFound, Unauthenticated


async def signed_in_person(conn: Connection, secret: str, clock: Clock) -> UserRow:
    """Whose session it is; SecondFactorNeeded before the second step: a password alone opens nothing."""
    session = await sessions.by_secret(conn, hash_secret(secret), clock())
    user = await users.by_id(conn, session.user_id) if session else None
    if session is None or user is None:
        raise Unauthenticated("The session has ended; sign in again.")
    if session.second_factor_at is None and await factors.enrolled(conn, user.user_id):
        raise SecondFactorNeeded
    return user


async def offers_to(db: Database, secret: str, clock: Clock) -> list[Offer]:
    """The invitations that wait for this person."""
    async with db.system_transaction() as conn:
        user = await signed_in_person(conn, secret, clock)
        return await invitations.offers_to(conn, user.email, clock())


async def accept_offer(db: Database, secret: str, membership_id: UUID, clock: Clock) -> UUID:
    """Become a member, with the account that one has; returns the company."""
    async with db.system_transaction() as conn:
        user, row = await _offered(conn, secret, membership_id, clock)
        await attach(conn, row, user)
    return row.company_id


async def decline_offer(db: Database, secret: str, membership_id: UUID, clock: Clock) -> None:
    """No, thanks: the company may invite again."""
    async with db.system_transaction() as conn:
        _, row = await _offered(conn, secret, membership_id, clock)
        await invitations.remove(conn, row.membership_id)
        await announce.action(
            conn, "invitation_declined", user_id=None, company_id=row.company_id, address="",
            detail=str(row.user_id),
        )  # fmt: skip


async def found_another(
    db: Database, secret: str, kind: CompanyKind, legal: Company, clock: Clock
) -> CompanyRow:
    """A company of one's own, with the account that one has (D12)."""
    check_legal(legal)
    async with db.system_transaction() as conn:
        user = await signed_in_person(conn, secret, clock)
        return await found_company(conn, kind, legal, user, clock)


async def leave_company(db: Database, caller: Principal, clock: Clock) -> None:
    """Give one's own access to the company up; its last owner stays."""
    async with db.system_transaction() as conn:
        company = await companies.lock(conn, caller.company_id)
        row = await users.lock_membership(conn, caller.company_id, caller.user_id)
        if company is None or row is None or not row.active:
            raise NotFound
        if row.role == "owner" and await users.owners(conn, caller.company_id) == 1:
            raise LastOwner
        await end_membership(conn, row, caller.actor, clock)
        if company.kind == "firm" and row.kind == "internal":
            await end_client_files(conn, caller.user_id, caller.actor, clock)
        await announce.action(
            conn, "company_left", user_id=caller.user_id, company_id=caller.company_id, address=""
        )


async def _offered(
    conn: Connection, secret: str, membership_id: UUID, clock: Clock
) -> tuple[UserRow, InvitationRow]:
    user = await signed_in_person(conn, secret, clock)
    row = await invitations.to_person(conn, membership_id, user.email, clock())
    if row is None:
        raise NotFound
    return user, row
