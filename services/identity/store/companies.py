"""Companies."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.access.rights import APPS
from shared.contracts.identity import Company, CompanyKind
from shared.database import Connection, Record


@dataclass(frozen=True)
class CompanyRow:
    company_id: UUID
    kind: CompanyKind
    firm_id: UUID | None
    legal: Company
    require_2fa: bool
    apps: list[str]
    version: int


def _row(record: Record) -> CompanyRow:
    return CompanyRow(
        record["company_id"],
        record["kind"],
        record["firm_id"],
        Company.model_validate(record["legal"]),
        record["require_2fa"],
        record["apps"],
        record["version"],
    )


async def add(
    conn: Connection,
    company_id: UUID,
    kind: CompanyKind,
    firm_id: UUID | None,
    legal: Company,
    now: datetime,
) -> CompanyRow:
    await conn.execute(
        "INSERT INTO company (company_id, kind, firm_id, legal, created_at, version) "
        "VALUES ($1, $2, $3, $4, $5, 1)",
        company_id,
        kind,
        firm_id,
        legal.model_dump(mode="json"),
        now,
    )
    return CompanyRow(
        company_id, kind, firm_id, legal, require_2fa=False, apps=list(APPS), version=1
    )


async def get(conn: Connection, company_id: UUID) -> CompanyRow | None:
    record = await conn.fetchrow(
        "SELECT company_id, kind, firm_id, legal, require_2fa, apps, version FROM company WHERE company_id = $1",
        company_id,
    )
    return _row(record) if record else None


async def lock(conn: Connection, company_id: UUID) -> CompanyRow | None:
    record = await conn.fetchrow(
        "SELECT company_id, kind, firm_id, legal, require_2fa, apps, version FROM company "
        "WHERE company_id = $1 FOR UPDATE",
        company_id,
    )
    return _row(record) if record else None


async def set_legal(conn: Connection, company_id: UUID, legal: Company) -> int:
    version: int = await conn.fetchval(
        "UPDATE company SET legal = $2, version = version + 1 WHERE company_id = $1 RETURNING version",
        company_id,
        legal.model_dump(mode="json"),
    )
    return version


async def set_apps(conn: Connection, company_id: UUID, apps: list[str]) -> int:
    version: int = await conn.fetchval(
        "UPDATE company SET apps = $2, version = version + 1 WHERE company_id = $1 RETURNING version",
        company_id,
        apps,
    )
    return version


async def hold_participant(conn: Connection, peppol_id: str) -> None:
    """One company at a time asks for a Peppol address."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended(lower($1), 9))", peppol_id)


async def has_participant(conn: Connection, peppol_id: str, but: UUID) -> bool:
    """Whether another company than `but` has that Peppol address."""
    found: bool = await conn.fetchval(
        "SELECT EXISTS (SELECT FROM company WHERE lower(legal->>'peppol_id') = lower($1) "
        "AND company_id <> $2)",
        peppol_id,
        but,
    )
    return found


async def of_firm(conn: Connection, firm_id: UUID) -> list[CompanyRow]:
    records = await conn.fetch(
        "SELECT company_id, kind, firm_id, legal, require_2fa, apps, version FROM company "
        "WHERE firm_id = $1 ORDER BY legal->>'name', company_id",
        firm_id,
    )
    return [_row(record) for record in records]
