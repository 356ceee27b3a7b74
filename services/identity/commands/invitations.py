"""Invitations (D4): a company offers, the invited accepts; until then there is no membership, and the
company learns nothing of an account that the address may have."""

import secrets
from dataclasses import dataclass, replace
from datetime import timedelta

from services.identity import announce
from services.identity.commands import mail
from services.identity.domain.secrets import hash_secret
from services.identity.store import companies, invitations, users
from services.identity.store.invitations import InvitationRow
from services.identity.store.users import MembershipRow, UserRow
from shared.access.guard import Principal
from shared.clock import Clock
from shared.database import Connection
from shared.events import Actor
from shared.secretbox import SecretBox


@dataclass(frozen=True)
class Inviting:
    """How invitations are made."""

    lifetime: timedelta
    portal_url: str
    by_mail: bool
    """Without a mail server whoever invites is shown the link; with one, nobody but the invited sees it."""
    box: SecretBox


async def invite(
    conn: Connection,
    row: InvitationRow,
    company_name: str,
    inviting: Inviting,
    caller: Principal,
    clock: Clock,
    *,
    again: bool = False,
) -> str | None:
    """Offer it; the link's secret, unless it goes by mail. All that the company sees of it is the same
    whether the address has an account or not."""
    secret = secrets.token_urlsafe(32)
    if again:
        expires = clock() + inviting.lifetime
        await invitations.renew(conn, row.membership_id, hash_secret(secret), expires)
    else:
        await invitations.add(conn, row, hash_secret(secret))
    await announce.action(
        conn,
        "invitation_sent",
        user_id=caller.user_id,
        company_id=row.company_id,
        address="",
        detail=str(row.user_id),
    )
    if not inviting.by_mail:
        return secret
    known = await users.by_email(conn, row.email)
    has_account = known is not None and known.password_hash is not None
    reader = known if known is not None and has_account else row.person
    await mail.send(
        conn,
        inviting.box,
        mail.OFFER if has_account else mail.INVITATION,
        recipient=reader.email,
        language=reader.language,
        clock=clock,
        name=reader.first_name,
        company=company_name,
        link=f"{inviting.portal_url}/invitation/{secret}",
        days=str(inviting.lifetime.days),
    )
    return None


async def attach(conn: Connection, row: InvitationRow, user: UserRow) -> MembershipRow:
    """The invited has accepted: a member from now on."""
    await companies.lock(conn, row.company_id)
    existing = await users.lock_membership(conn, row.company_id, user.user_id)
    made = replace(row.membership, user_id=user.user_id, active=True, version=1)
    if existing is None:
        await users.add_membership(conn, made)
    else:
        made = replace(made, membership_id=existing.membership_id, version=existing.version + 1)
        await users.save_membership(conn, made)
    await invitations.remove(conn, row.membership_id)
    actor = Actor(kind="user", id=str(user.user_id))
    await announce.membership(conn, made, user, actor)
    await announce.action(
        conn, "invitation_accepted", user_id=user.user_id, company_id=row.company_id, address=""
    )
    return made
