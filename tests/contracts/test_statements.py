"""Every literal SQL statement is prepared by PostgreSQL against the migrated schema, as the role
that will run it; its columns are the fields of the row class that they go into."""

import dataclasses
import importlib

import asyncpg
import pytest

from tests.conftest import DatabaseFactory
from tests.contracts.statements import Statement, statements

SERVICES = ("identity", "portal", "billing", "delivery")
OPERATORS_ONLY = ("shared/migrate.py",)


@pytest.mark.parametrize("service", SERVICES)
async def test_every_statement_fits_the_schema(new_database: DatabaseFactory, service: str) -> None:
    database = await new_database(service)
    found = [
        s for s in statements(f"services/{service}", "shared")
        if not s.where.startswith(OPERATORS_ONLY) and _preparable(s.sql)
    ]  # fmt: skip
    assert len(found) > 15
    conn = await asyncpg.connect(database.runtime_dsn)
    wrong = []
    try:
        for statement in found:
            try:
                prepared = await conn.prepare(statement.sql)
            except asyncpg.PostgresError as error:
                wrong.append(f"{statement.where}: {error}")
                continue
            if len(prepared.get_parameters()) != statement.arguments and statement.arguments:
                wrong.append(f"{statement.where}: {statement.arguments} arguments are passed")
            wrong += _mismatch(statement, {a.name for a in prepared.get_attributes()})
    finally:
        await conn.close()
    assert wrong == []


def _preparable(sql: str) -> bool:
    word = sql.split(maxsplit=1)[0].upper()
    return word in ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "VALUES")


def _mismatch(statement: Statement, columns: set[str]) -> list[str]:
    if statement.row is None:
        return []
    module = importlib.import_module(
        statement.where.partition(":")[0].removesuffix(".py").replace("/", ".")
    )
    row = getattr(module, statement.row, None)
    if row is None or not dataclasses.is_dataclass(row):
        return []
    fields = {f.name for f in dataclasses.fields(row)}
    return (
        [f"{statement.where}: {statement.row} wants {fields ^ columns}"]
        if fields != columns
        else []
    )
