"""Signing up (D1): confirmed by e-mail, so that nobody learns here who has an account, and nobody
signs up with somebody else's address. The password is chosen by whoever holds the letter, not by
whoever asked for it: an account has no password that a stranger knows."""

import json
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from services.identity.commands import mail
from services.identity.commands.companies import Founder, add_founder, check_legal, found_company
from services.identity.domain.errors import HAS_ACCOUNT, EmailTaken, RegistrationOver
from services.identity.domain.passwords import hash_password, require_good, strength_of
from services.identity.domain.secrets import hash_secret
from services.identity.store import registrations, users
from services.identity.store.companies import CompanyRow
from services.identity.store.registrations import RegistrationRow
from shared.clock import Clock
from shared.contracts.identity import Company, CompanyKind
from shared.database import Connection, Database
from shared.ids import new_id
from shared.secretbox import SecretBox

CONFIRM_WITHIN = timedelta(hours=24)
ONCE_IN = timedelta(minutes=1)
"""Letters to one address: no more than one in this time, however often somebody asks."""
MOST_WAITING = 10
"""And no more than these in a day."""


@dataclass(frozen=True)
class Confirming:
    """How sign-ups are confirmed."""

    box: SecretBox
    portal_url: str
    by_mail: bool
    """Without a mail server whoever signs up gets the link at once."""


@dataclass(frozen=True)
class SignUp:
    """What somebody typed."""

    kind: CompanyKind
    legal: Company
    email: str
    first_name: str
    last_name: str
    language: str

    async def founder(self, password: str) -> Founder:
        """The first owner, if the password is good enough."""
        require_good(password)
        about = (self.email, self.first_name, self.last_name, self.legal.name)
        return Founder(
            self.email,
            await hash_password(password),
            await strength_of(password, *about),
            self.first_name,
            self.last_name,
            self.language,
        )

    def sealed(self, box: SecretBox, row_id: UUID) -> bytes:
        """As it waits in the database."""
        typed = {**self.__dict__, "legal": self.legal.model_dump()}
        return box.seal(json.dumps(typed).encode(), row_id)


async def register_at_once(
    db: Database, wanted: SignUp, password: str, clock: Clock
) -> tuple[CompanyRow, UUID]:
    """Without a mail server: the company and its first owner. It can't but tell that an address is
    taken, so a platform that is open to the world has a mail server."""
    check_legal(wanted.legal)
    founder = await wanted.founder(password)
    async with db.system_transaction() as conn:
        return await _found(conn, wanted, founder, clock)


async def ask_to_confirm(
    db: Database, wanted: SignUp, confirming: Confirming, clock: Clock
) -> str | None:
    """Send a letter: a link to confirm, or, where the address has an account, the news that somebody
    tried. The same work and the same answer either way. Without a mail server, the link's secret."""
    check_legal(wanted.legal)
    secret, row_id, now = secrets.token_urlsafe(32), new_id(), clock()
    async with db.system_transaction() as conn:
        await registrations.forget(conn, now)
        await registrations.hold(conn, wanted.email)
        known = await users.by_email(conn, wanted.email) if confirming.by_mail else None
        if confirming.by_mail and (
            await registrations.waiting(conn, wanted.email, now - ONCE_IN)
            or await registrations.waiting(conn, wanted.email, now - CONFIRM_WITHIN) >= MOST_WAITING
        ):
            return None
        sealed = wanted.sealed(confirming.box, row_id)
        if known is not None:
            sealed = confirming.box.seal(b"{}", row_id)
        row = RegistrationRow(row_id, wanted.email, sealed, now + CONFIRM_WITHIN)
        await registrations.keep(conn, row, hash_secret(secret), now)
        if not confirming.by_mail:
            return secret
        base = confirming.portal_url
        await mail.send(
            conn,
            confirming.box,
            mail.CONFIRMATION if known is None else mail.KNOWN_ALREADY,
            recipient=wanted.email if known is None else known.email,
            language=wanted.language if known is None else known.language,
            clock=clock,
            name="" if known is None else known.first_name,
            link=f"{base}/sign-up/confirm/{secret}" if known is None else f"{base}/sign-in",
        )
    return None


async def look(db: Database, secret: str, box: SecretBox, clock: Clock) -> SignUp:
    """What the link would open; RegistrationOver when it was used, has expired, or never was."""
    async with db.system_transaction() as conn:
        return (await _waiting(conn, secret, box, clock))[1]


async def confirm(
    db: Database, secret: str, password: str, box: SecretBox, clock: Clock
) -> tuple[CompanyRow, UUID]:
    """The company and its first owner, once, by the link in the letter, with the password that its
    reader chooses. Nothing is hashed for whoever holds no link."""
    founder = await (await look(db, secret, box, clock)).founder(password)
    async with db.system_transaction() as conn:
        # all letters to an address go with the one that is used
        await registrations.hold(conn, founder.email)
        _, wanted = await _waiting(conn, secret, box, clock)
        return await _found(conn, wanted, founder, clock)


async def _waiting(
    conn: Connection, secret: str, box: SecretBox, clock: Clock
) -> tuple[RegistrationRow, SignUp]:
    row = await registrations.by_secret(conn, hash_secret(secret), clock())
    typed: dict[str, Any] = json.loads(box.open(row.sealed, row.registration_id)) if row else {}
    if row is None or not typed:
        raise RegistrationOver
    legal = Company.model_validate(typed.pop("legal"))
    return row, SignUp(cast("CompanyKind", typed.pop("kind")), legal, **typed)


async def _found(
    conn: Connection, wanted: SignUp, founder: Founder, clock: Clock
) -> tuple[CompanyRow, UUID]:
    if await users.by_email(conn, wanted.email):
        raise EmailTaken(HAS_ACCOUNT)
    user = await add_founder(conn, founder, clock)
    await registrations.forget_of(conn, wanted.email)
    return await found_company(conn, wanted.kind, wanted.legal, user, clock), user.user_id
