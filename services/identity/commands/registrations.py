"""Signing up (D1): confirmed by e-mail, so that nobody learns here who has an account, and nobody
signs up with somebody else's address."""

import json
import secrets
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from services.identity.commands import mail
from services.identity.commands.companies import Founder, check_legal, found_company
from services.identity.domain.errors import EmailTaken, RegistrationOver, WeakPassword
from services.identity.domain.passwords import hash_password, strength_of, wrong_password
from services.identity.domain.secrets import hash_secret
from services.identity.store import registrations, users
from services.identity.store.companies import CompanyRow
from services.identity.store.registrations import RegistrationRow
from shared.clock import Clock
from shared.contracts.identity import Company, CompanyKind
from shared.database import Database
from shared.ids import new_id
from shared.secretbox import SecretBox

CONFIRM_WITHIN = timedelta(hours=24)
ONCE_IN = timedelta(minutes=1)
"""Letters to one address: no more than one in this time, however often somebody asks."""


@dataclass(frozen=True)
class Confirming:
    """How sign-ups are confirmed."""

    box: SecretBox
    portal_url: str


@dataclass(frozen=True)
class SignUp:
    """What somebody typed; the password is checked, hashed and forgotten at once."""

    kind: CompanyKind
    legal: Company
    email: str
    password: str
    first_name: str
    last_name: str
    language: str

    async def founder(self) -> Founder:
        """The first owner, if the password is good enough and the legal information right."""
        check_legal(self.legal)
        if problem := wrong_password(self.password):
            raise WeakPassword(errors=[{"field": "password", "message": problem}])
        about = (self.email, self.first_name, self.last_name, self.legal.name)
        return Founder(
            self.email,
            await hash_password(self.password),
            await strength_of(self.password, *about),
            self.first_name,
            self.last_name,
            self.language,
        )


async def register_at_once(db: Database, wanted: SignUp, clock: Clock) -> tuple[CompanyRow, UUID]:
    """Without a mail server: the company and its first owner. It can't but tell that an address is
    taken, so a platform that is open to the world has a mail server."""
    founder = await wanted.founder()
    async with db.system_transaction() as conn:
        if await users.by_email(conn, wanted.email):
            raise EmailTaken("This e-mail has an account already; sign in with it.")
        return await found_company(conn, wanted.kind, wanted.legal, founder, clock)


async def ask_to_confirm(
    db: Database, wanted: SignUp, confirming: Confirming, clock: Clock
) -> None:
    """Send a letter: a link to confirm, or, where the address has an account, the news that somebody
    tried. The same work and the same answer either way."""
    founder = await wanted.founder()
    secret = secrets.token_urlsafe(32)
    row_id = new_id()
    typed = {"kind": wanted.kind, "legal": wanted.legal.model_dump(), "founder": asdict(founder)}
    sealed = confirming.box.seal(json.dumps(typed).encode(), row_id)
    now = clock()
    async with db.system_transaction() as conn:
        await registrations.forget(conn, now)
        known = await users.by_email(conn, wanted.email)
        if known is not None:
            sealed = confirming.box.seal(b"{}", row_id)
        row = RegistrationRow(row_id, wanted.email, sealed, now + CONFIRM_WITHIN)
        if not await registrations.keep(conn, row, hash_secret(secret), now, now - ONCE_IN):
            return
        await mail.send(
            conn,
            confirming.box,
            mail.CONFIRMATION if known is None else mail.KNOWN_ALREADY,
            recipient=wanted.email if known is None else known.email,
            language=wanted.language if known is None else known.language,
            clock=clock,
            name=wanted.first_name if known is None else known.first_name,
            company=wanted.legal.name if known is None else "",
            link=f"{confirming.portal_url}/sign-up/confirm/{secret}"
            if known is None
            else f"{confirming.portal_url}/sign-in",
        )


async def confirm(
    db: Database, secret: str, box: SecretBox, clock: Clock
) -> tuple[CompanyRow, UUID]:
    """The company and its first owner, once, by the link in the letter."""
    async with db.system_transaction() as conn:
        row = await registrations.take(conn, hash_secret(secret), clock())
        typed: dict[str, Any] = json.loads(box.open(row.sealed, row.registration_id)) if row else {}
        if row is None or not typed:
            raise RegistrationOver
        if await users.by_email(conn, row.email):
            raise EmailTaken("This e-mail has an account already; sign in with it.")
        founder = Founder(**typed["founder"])
        legal = Company.model_validate(typed["legal"])
        return await found_company(conn, cast("CompanyKind", typed["kind"]), legal, founder, clock)
