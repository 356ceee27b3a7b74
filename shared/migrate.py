"""Migrations: SQL files, forward only, applied under one lock by the owner's role."""

import hashlib
import logging
import re
from dataclasses import dataclass
from importlib import resources
from urllib.parse import unquote, urlsplit

import asyncpg

log = logging.getLogger(__name__)

LOCK = 7_240_115
"""Any constant; two services never share a database."""


class ChangedMigration(Exception):
    """A migration that was already applied has other bytes now: write a new one instead."""


@dataclass(frozen=True)
class Migration:
    """One file of SQL; `{runtime}` in it stands for the role that the service runs under."""

    name: str
    sql: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations_of(service: str) -> list[Migration]:
    """The kernel's migrations, then the service's own, each in the order of their numbers."""
    found = []
    for package in ("shared", f"services.{service}"):
        folder = resources.files(package) / "migrations"
        files = sorted(
            (f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name
        )
        found += [Migration(f"{package}/{f.name}", f.read_text("utf-8")) for f in files]
    return found


async def migrate(owner_url: str, runtime_url: str, service: str) -> list[str]:
    """Apply what is missing, each migration in its own transaction; returns the names applied."""
    runtime = role_of(runtime_url)
    conn = await asyncpg.connect(owner_url, timeout=5)
    try:
        await conn.execute("SELECT pg_advisory_lock($1)", LOCK)
        await conn.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations "
            "(name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        applied = [m.name for m in migrations_of(service) if await _apply(conn, m, runtime)]
        if applied:
            await _grant(conn, runtime)
        return applied
    finally:
        await conn.close()


async def _apply(
    conn: "asyncpg.Connection[asyncpg.Record]", migration: Migration, runtime: str
) -> bool:
    known = await conn.fetchval(
        "SELECT sha256 FROM schema_migrations WHERE name = $1", migration.name
    )
    if known == migration.sha256:
        return False
    if known is not None:
        raise ChangedMigration(migration.name)
    async with conn.transaction():
        await conn.execute("SET LOCAL lock_timeout = '5s'")
        await conn.execute(migration.sql.replace("{runtime}", quoted(runtime)))
        await conn.execute(
            "INSERT INTO schema_migrations (name, sha256) VALUES ($1, $2)",
            migration.name,
            migration.sha256,
        )
    log.info("applied %s", migration.name)
    return True


async def _grant(conn: "asyncpg.Connection[asyncpg.Record]", runtime: str) -> None:
    role = quoted(runtime)
    rows = await conn.fetch(
        "SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'"
    )
    for schema in (quoted(row["nspname"]) for row in rows):
        await conn.execute(f"GRANT USAGE ON SCHEMA {schema} TO {role}")
        await conn.execute(
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}"
        )
        await conn.execute(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {role}")
    await conn.execute(f"REVOKE ALL ON schema_migrations FROM {role}")
    for table in await conn.fetch("SELECT table_name, privileges FROM immutable_tables()"):
        await conn.execute(
            f"REVOKE {table['privileges']} ON {quoted(table['table_name'])} FROM {role}"
        )


def role_of(url: str) -> str:
    """The role's name in a connection URL."""
    return unquote(urlsplit(url).username or "")


def quoted(identifier: str) -> str:
    """An SQL identifier, quoted; refuses what no role or schema of ours is called."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,62}", identifier):
        raise ValueError(f"not an identifier: {identifier!r}")
    return f'"{identifier}"'
