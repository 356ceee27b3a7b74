"""Series of numbers."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from shared.database import Connection


@dataclass(frozen=True)
class SeriesRow:
    series_id: UUID
    company_id: UUID
    kind: str
    prefix: str
    width: int
    last_number: int
    last_issue_date: date | None
    version: int


async def add(conn: Connection, row: SeriesRow) -> bool:
    """False when the company has a series with that prefix already."""
    done = await conn.execute(
        "INSERT INTO series (series_id, company_id, kind, prefix, width, last_number, last_issue_date, version) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
        row.series_id,
        row.company_id,
        row.kind,
        row.prefix,
        row.width,
        row.last_number,
        row.last_issue_date,
        row.version,
    )
    return done == "INSERT 0 1"


async def of_company(conn: Connection, company_id: UUID) -> list[SeriesRow]:
    records = await conn.fetch(
        "SELECT series_id, company_id, kind, prefix, width, last_number, last_issue_date, version "
        "FROM series WHERE company_id = $1 ORDER BY series_id",
        company_id,
    )
    return [SeriesRow(**record) for record in records]


async def get(conn: Connection, company_id: UUID, series_id: UUID) -> SeriesRow | None:
    record = await conn.fetchrow(
        "SELECT series_id, company_id, kind, prefix, width, last_number, last_issue_date, version "
        "FROM series WHERE company_id = $1 AND series_id = $2",
        company_id,
        series_id,
    )
    return SeriesRow(**record) if record else None


async def default(conn: Connection, company_id: UUID, kind: str) -> SeriesRow | None:
    record = await conn.fetchrow(
        "SELECT series_id, company_id, kind, prefix, width, last_number, last_issue_date, version "
        "FROM series WHERE company_id = $1 AND kind = $2 ORDER BY series_id LIMIT 1",
        company_id,
        kind,
    )
    return SeriesRow(**record) if record else None


async def lock(conn: Connection, company_id: UUID, series_id: UUID) -> SeriesRow | None:
    """The row, held: nobody else takes a number of this series until the transaction ends."""
    record = await conn.fetchrow(
        "SELECT series_id, company_id, kind, prefix, width, last_number, last_issue_date, version "
        "FROM series WHERE company_id = $1 AND series_id = $2 FOR UPDATE",
        company_id,
        series_id,
    )
    return SeriesRow(**record) if record else None


async def advance(conn: Connection, series_id: UUID, sequence: int, issue_date: date) -> None:
    await conn.execute(
        "UPDATE series SET last_number = $2, last_issue_date = $3, version = version + 1 WHERE series_id = $1",
        series_id,
        sequence,
        issue_date,
    )


async def restart(conn: Connection, series_id: UUID, last_number: int) -> None:
    await conn.execute(
        "UPDATE series SET last_number = $2, version = version + 1 WHERE series_id = $1",
        series_id,
        last_number,
    )


async def highest_issued(conn: Connection, series_id: UUID) -> int:
    highest: int = await conn.fetchval(
        "SELECT coalesce(max(sequence), 0) FROM invoice WHERE series_id = $1", series_id
    )
    return highest
