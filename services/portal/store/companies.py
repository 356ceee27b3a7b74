"""The companies that a firm administers: found, filtered, counted, in the order of their names."""

import re
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from shared.database import Connection

State = Literal["", "on", "off", "ready", "incomplete", "not_subscribed", "no_users"]
STATES: tuple[State, ...] = (
    "on",
    "off",
    "ready",
    "incomplete",
    "not_subscribed",
    "no_users",
)

_FOLD = str.maketrans("àáâãäåçèéêëìíîïñòóôõöùúûüýÿ", "aaaaaaceeeeiiiinooooouuuuyy")


@dataclass(frozen=True)
class CompanyFilter:
    """A part of a name or of a registration or VAT number, and a state; empty: everything."""

    text: str = ""
    state: State = ""

    @property
    def needle(self) -> str:
        """What to look for: without case and accents, numbers without their dots and spaces."""
        folded = self.text.strip().lower().translate(_FOLD)
        compact = re.sub(r"[\s.\-]", "", folded)
        return compact if re.fullmatch(r"[a-z]{0,2}\d{3,}", compact) else folded


@dataclass(frozen=True)
class CompanyLine:
    """One line of the list of companies."""

    company_id: UUID
    name: str
    country: str
    options: list[str]
    incomplete: bool
    users: int
    enabled: bool


@dataclass(frozen=True)
class Numbers:
    """How many companies a firm has, and how they stand."""

    total: int
    enabled: int
    ready: int
    """Everything is there; facturation can be switched on."""
    incomplete: int
    not_subscribed: int
    no_users: int


async def page(
    conn: Connection, firm_id: UUID, wanted: CompanyFilter, after: UUID | None, limit: int
) -> list[CompanyLine]:
    """By name, from the company after `after` on."""
    records = await conn.fetch(
        "SELECT company_id, name, country, options, incomplete, enabled, "
        "(SELECT count(*) FROM access.memberships m WHERE m.company_id = f.company_id AND m.active "
        "AND m.kind = 'internal') AS users "
        "FROM (SELECT company_id, name, country, options, incomplete, enabled, sort_key FROM firm_company "
        "  WHERE firm_id = $1 AND ($2 = '' OR strpos(search, $2) > 0) AND CASE $3::text WHEN '' THEN true "
        "    WHEN 'on' THEN enabled WHEN 'off' THEN NOT enabled WHEN 'incomplete' THEN incomplete "
        "    WHEN 'not_subscribed' THEN 'invoicing' <> ALL (options) WHEN 'no_users' THEN NOT has_users "
        "    WHEN 'ready' THEN NOT enabled AND NOT incomplete AND 'invoicing' = ANY (options) AND has_users "
        "    ELSE false END "
        "  AND ($4::uuid IS NULL OR (sort_key, company_id) > "
        "    (SELECT sort_key, company_id FROM access.companies WHERE company_id = $4 AND firm_id = $1)) "
        "  ORDER BY sort_key, company_id LIMIT $5) f ORDER BY sort_key, company_id",
        firm_id,
        wanted.needle,
        wanted.state,
        after,
        limit,
    )
    return [CompanyLine(**record) for record in records]


async def count(conn: Connection, firm_id: UUID, wanted: CompanyFilter) -> int:
    """How many there are."""
    found: int = await conn.fetchval(
        "SELECT count(*) FROM firm_company "
        "WHERE firm_id = $1 AND ($2 = '' OR strpos(search, $2) > 0) AND CASE $3::text WHEN '' THEN true "
        "  WHEN 'on' THEN enabled WHEN 'off' THEN NOT enabled WHEN 'incomplete' THEN incomplete "
        "  WHEN 'not_subscribed' THEN 'invoicing' <> ALL (options) WHEN 'no_users' THEN NOT has_users "
        "  WHEN 'ready' THEN NOT enabled AND NOT incomplete AND 'invoicing' = ANY (options) AND has_users "
        "  ELSE false END",
        firm_id,
        wanted.needle,
        wanted.state,
    )
    return found


async def ids(conn: Connection, firm_id: UUID, wanted: CompanyFilter, limit: int) -> list[UUID]:
    """All of them, by name, at most `limit`."""
    records = await conn.fetch(
        "SELECT company_id FROM firm_company "
        "WHERE firm_id = $1 AND ($2 = '' OR strpos(search, $2) > 0) AND CASE $3::text WHEN '' THEN true "
        "  WHEN 'on' THEN enabled WHEN 'off' THEN NOT enabled WHEN 'incomplete' THEN incomplete "
        "  WHEN 'not_subscribed' THEN 'invoicing' <> ALL (options) WHEN 'no_users' THEN NOT has_users "
        "  WHEN 'ready' THEN NOT enabled AND NOT incomplete AND 'invoicing' = ANY (options) AND has_users "
        "  ELSE false END ORDER BY sort_key, company_id LIMIT $4",
        firm_id,
        wanted.needle,
        wanted.state,
        limit,
    )
    return [record["company_id"] for record in records]


async def in_order(conn: Connection, firm_id: UUID, company_ids: list[UUID]) -> list[UUID]:
    """Those of `company_ids` that the firm administers, by name."""
    records = await conn.fetch(
        "SELECT company_id FROM access.companies WHERE firm_id = $1 AND company_id = ANY($2) "
        "ORDER BY sort_key, company_id",
        firm_id,
        company_ids,
    )
    return [record["company_id"] for record in records]


async def profile_names(
    conn: Connection, firm_id: UUID, company_ids: list[UUID]
) -> list[tuple[str, int]]:
    """Names of the active profiles in these companies, and how many of the companies have each."""
    records = await conn.fetch(
        "SELECT p.name, count(DISTINCT p.company_id) AS companies FROM access.profiles p "
        "JOIN access.companies c USING (company_id) "
        "WHERE c.firm_id = $1 AND p.company_id = ANY($2) AND p.active "
        "GROUP BY p.name ORDER BY count(DISTINCT p.company_id) DESC, p.name",
        firm_id,
        company_ids,
    )
    return [(record["name"], record["companies"]) for record in records]


async def numbers(conn: Connection, firm_id: UUID) -> Numbers:
    """The firm's companies, counted by how they stand."""
    record = await conn.fetchrow(
        "SELECT count(*) AS total, count(*) FILTER (WHERE enabled) AS enabled, "
        "count(*) FILTER (WHERE NOT enabled AND NOT incomplete AND 'invoicing' = ANY (options) AND has_users) "
        "  AS ready, "
        "count(*) FILTER (WHERE incomplete) AS incomplete, "
        "count(*) FILTER (WHERE 'invoicing' <> ALL (options)) AS not_subscribed, "
        "count(*) FILTER (WHERE NOT has_users) AS no_users FROM firm_company WHERE firm_id = $1",
        firm_id,
    )
    return Numbers(**dict(record or {}))
