"""From a bearer token to a Principal, decided from this service's own tables."""

import asyncio
from dataclasses import dataclass, field
from uuid import UUID

from shared.access import store, tokens
from shared.access.keys import Keys
from shared.clock import Clock, system_clock
from shared.database import Database
from shared.events import Actor
from shared.problems import Forbidden, Lagging, Unauthenticated

WAIT_SECONDS = 1.0
STEP_SECONDS = 0.02
EXTERNAL = ("accountant", "support")
"""An accountant has the whole file, support looks into it: neither has a profile of the company."""


class AccessEnded(Unauthenticated):
    """Your access to this company has ended; choose another one, or sign in again."""

    slug, title = "access-ended", "Access ended"


class AppOff(Forbidden):
    """This app isn't switched on for you or for your company; ask an owner of the company."""

    slug, title = "app-off", "App switched off"


class RightMissing(Forbidden):
    """You lack the right that this asks for; whoever manages the company's users can give it."""

    slug, title = "right-missing", "Right missing"


class SupportReadsOnly(Forbidden):
    """Support staff look into a file and change nothing in it."""

    slug, title = "support-reads-only", "Support only looks"


@dataclass(frozen=True)
class Principal:
    """Who is calling, in which company, and what they may do there."""

    user_id: UUID
    session_id: UUID
    membership_id: UUID
    company_id: UUID
    company_kind: str
    company_name: str
    role: str
    kind: str
    profile_id: UUID | None
    rights: frozenset[str]
    apps: frozenset[str]
    language: str
    billing: bool
    """Facturation is on for the company, and this caller's profile is among those chosen."""
    scopes: frozenset[str] | None
    two_factor_pending: bool

    @property
    def of_firm(self) -> bool:
        """Whether the caller administers companies: one of a firm's own people, neither support who
        looks into the firm nor its accountant."""
        return self.company_kind == "firm" and self.kind == "internal"

    @property
    def actor(self) -> Actor:
        """Who the events of this request name."""
        return Actor(kind="user" if self.scopes is None else "api_key", id=str(self.user_id))

    def require(self, right: str) -> None:
        """RightMissing unless the caller holds `right` (D10)."""
        if right not in self.rights:
            raise RightMissing(right=right)

    def require_app(self, app: str) -> None:
        """AppOff unless the company uses `app`, and this caller may (P7, D5)."""
        if app not in self.apps:
            raise AppOff(app=app)

    def require_enrolled(self) -> None:
        """Forbidden for whoever has first to enrol a second factor (D8)."""
        if self.two_factor_pending:
            raise Forbidden(
                "Your company requires two-factor authentication; enrol an authenticator app first.",
                slug="second-factor-enrolment",
            )

    def require_change(self) -> None:
        """SupportReadsOnly for support staff: they look, and change nothing (D7)."""
        if self.kind == "support":
            raise SupportReadsOnly

    def require_billing(self) -> None:
        """Forbidden unless invoicing is switched on for this caller (P2)."""
        if not self.billing:
            raise Forbidden(
                "Invoicing isn't switched on for your profile; ask your portal administrator.",
                slug="billing-not-enabled",
            )


@dataclass(frozen=True)
class Guard:
    """Verifies tokens against the published keys and looks up the caller's standing."""

    database: Database
    clock: Clock = system_clock
    keys: Keys = field(default_factory=Keys)

    async def principal(self, token: str) -> Principal:
        """The caller; Unauthenticated, Forbidden, or Lagging when this service hasn't heard yet."""
        now = self.clock()
        key = await self.keys.key(self.database, tokens.key_id_of(token), now)
        claims = tokens.verify(token, key, now)
        found = await self._standing(claims)
        if found.session_revoked:
            raise Unauthenticated("The session has ended; sign in again.")
        if not found.active:
            raise AccessEnded
        return Principal(
            user_id=claims.user_id,
            session_id=claims.session_id,
            membership_id=claims.membership_id,
            company_id=claims.company_id,
            company_kind=found.company_kind or "company",
            company_name=found.company_name,
            role=found.role,
            kind=found.kind,
            profile_id=found.profile_id,
            rights=found.rights,
            apps=found.apps,
            language=found.language,
            billing=found.billing_enabled
            and (found.kind in EXTERNAL or found.profile_id in found.billing_profiles),
            scopes=None if claims.scopes is None else frozenset(claims.scopes),
            two_factor_pending=claims.two_factor_pending or found.second_factor_due,
        )

    async def _standing(self, claims: tokens.Claims) -> store.Standing:
        """Wait up to a second for what the caller has already seen elsewhere."""
        deadline = asyncio.get_running_loop().time() + WAIT_SECONDS
        while True:
            async with self.database.pool.acquire() as conn:
                found = await store.standing(conn, claims.membership_id, claims.session_id)
            heard = found.membership_version is not None and found.company_kind is not None
            if heard and (found.membership_version or 0) >= claims.membership_version:
                return found
            if asyncio.get_running_loop().time() > deadline:
                raise Lagging
            await asyncio.sleep(STEP_SECONDS)
