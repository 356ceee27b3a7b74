"""A crowd in the databases of a running stack: companies of one firm, their users, their actions.
Written by SQL, as the services would have left it; a hundred thousand people don't sign up here."""

# ruff: noqa: S608 — composed of our own constants

from dataclasses import dataclass
from uuid import UUID

import asyncpg

from deploy.demo.people import PASSWORD
from deploy.local.stack import Stack
from services.identity.domain.passwords import hash_password

PER_COMPANY = 10

COMPANIES = """
    SELECT md5('company' || n)::uuid AS company_id, md5('profile' || n)::uuid AS profile_id,
           CASE WHEN n % 2 = 0 THEN 'Atelier ' ELSE 'Lot ' END || lpad(n::text, 5, '0') AS name
    FROM generate_series(1, $1) AS n
"""
USERS = """
    SELECT md5('user' || n)::uuid AS user_id, md5('member' || n)::uuid AS membership_id,
           md5('company' || (n - 1) / 10 + 1)::uuid AS company_id,
           md5('profile' || (n - 1) / 10 + 1)::uuid AS profile_id, 'u' || n || '@foule.example' AS email
    FROM generate_series(1, $1) AS n
"""


@dataclass(frozen=True)
class Crowd:
    """How many there are; user n is u<n>@foule.example with the demo's password."""

    firm_id: UUID
    companies: int

    @property
    def users(self) -> int:
        return self.companies * PER_COMPANY


async def gathered(stack: Stack, firm_id: UUID, companies: int) -> Crowd:
    """Write them into identity and the portal."""
    crowd = Crowd(firm_id, companies)
    await _identity(stack, crowd)
    await _portal(stack, crowd)
    return crowd


async def opened(stack: Stack, service: str) -> "asyncpg.Connection[asyncpg.Record]":
    """A connection across companies, as the owner's role."""
    url = stack.environments[service][f"{service.upper()}_OWNER_DATABASE_URL"]
    conn = await asyncpg.connect(url)
    await conn.execute("SELECT set_config('app.company_id', '*', false)")
    return conn


async def _identity(stack: Stack, crowd: Crowd) -> None:
    conn, password = await opened(stack, "identity"), await hash_password(PASSWORD)
    await conn.execute(
        f"INSERT INTO company (company_id, kind, firm_id, legal, created_at, version) "
        f"SELECT company_id, 'company', $2, jsonb_build_object('name', name), now(), 1 FROM ({COMPANIES}) c",
        crowd.companies, crowd.firm_id,
    )  # fmt: skip
    await conn.execute(
        f"INSERT INTO profile (profile_id, company_id, name, rights, active, version) "
        f"SELECT profile_id, company_id, 'Gérant', '{{invoicing}}', true, 1 FROM ({COMPANIES}) c",
        crowd.companies,
    )
    await conn.execute(
        f"INSERT INTO app_user (user_id, email, first_name, last_name, language, password_hash, created_at) "
        f"SELECT user_id, email, 'Luc', 'Petit', 'fr', $2, now() FROM ({USERS}) u",
        crowd.users, password,
    )  # fmt: skip
    await conn.execute(
        f"INSERT INTO membership (membership_id, company_id, user_id, role, kind, profile_id, rights, apps, "
        f"active, version) SELECT membership_id, company_id, user_id, 'employee', 'internal', profile_id, "
        f"'{{}}', '{{customers,products,invoices}}', true, 1 FROM ({USERS}) u",
        crowd.users,
    )
    await conn.execute("ANALYZE")
    await conn.close()


async def _portal(stack: Stack, crowd: Crowd) -> None:
    conn = await opened(stack, "portal")
    await conn.execute(
        f"INSERT INTO access.companies (company_id, kind, firm_id, name, country, state, version) "
        f"SELECT company_id, 'company', $2, name, 'FR', '{{\"missing_legal_fields\": []}}', 1 "
        f"FROM ({COMPANIES}) c",
        crowd.companies, crowd.firm_id,
    )  # fmt: skip
    await conn.execute(
        f"INSERT INTO access.profiles (profile_id, company_id, name, rights, active, version) "
        f"SELECT profile_id, company_id, 'Gérant', '{{invoicing}}', true, 1 FROM ({COMPANIES}) c",
        crowd.companies,
    )
    await conn.execute(
        f"INSERT INTO access.memberships (membership_id, user_id, company_id, role, kind, profile_id, rights, "
        f"apps, active, email, first_name, last_name, language, version) SELECT membership_id, user_id, "
        f"company_id, 'employee', 'internal', profile_id, '{{}}', '{{invoices}}', true, email, 'Luc', 'Petit', "
        f"'fr', 1 FROM ({USERS}) u",
        crowd.users,
    )
    await conn.execute(
        f"INSERT INTO subscription (company_id, plan, options, seats, version) "
        f"SELECT company_id, 'standard', '{{invoicing}}', 50, 1 FROM ({COMPANIES}) c",
        crowd.companies,
    )
    await conn.execute("ANALYZE")
    await conn.close()


async def actions(stack: Stack, company_id: UUID, count: int) -> None:
    """So many lines of a company's audit (without their chain: they are read, not verified)."""
    conn = await opened(stack, "portal")
    await conn.execute(
        "INSERT INTO audit (position, event_id, happened_at, company_id, actor, action, subject, trace_id, "
        "detail, hash) SELECT 10000000 + n, gen_random_uuid(), now() - n * interval '1 second', $2, "
        "'user:' || md5('user' || n % 1000)::uuid, 'invoice.issued', gen_random_uuid()::text, md5(n::text), "
        "jsonb_build_object('number', 'F-' || n, 'buyer', '=cmd()'), sha256(n::text::bytea) "
        "FROM generate_series(1, $1) AS n",
        count,
        company_id,
    )
    await conn.execute("ANALYZE audit")
    await conn.close()
