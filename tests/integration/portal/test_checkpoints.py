"""What somebody with the whole database can do to the audit: the checkpoints on the broker tell."""

import asyncio
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from deploy.local.broker import Broker
from deploy.local.postgres import ServiceDatabase
from services.portal.app import create_app
from services.portal.audit import verify_chain
from services.portal.checkpoints import published, seal_chain, sealing_keys
from services.portal.domain.audit import link
from services.portal.settings import PortalSettings
from services.portal.store import audit
from shared.clock import system_clock
from shared.database import Database, connect
from tests.conftest import DatabaseFactory
from tests.integration.portal.firm import new_firm
from tests.integration.portal.test_audit import recorded
from tests.services import eventually, kafka_settings, master_key, served

SEALED = 20
"""Entries when the checkpoint was made; five more come after it."""


async def sealed_chain(database: ServiceDatabase, broker: Broker, key: Path) -> Database:
    """A chain whose checkpoint is on the topic: made by the command, published by the service's relay."""
    db = await connect(database.runtime_dsn, max_size=2)
    firm = await new_firm(db, 1, {})
    (company,) = firm.companies.values()
    await recorded(db, firm, company, SEALED)
    kafka, keys = kafka_settings(broker), sealing_keys(key)
    settings = PortalSettings(database_url=database.runtime_dsn, master_key_file=key)
    async with served(create_app(settings, kafka)):

        async def there() -> bool:
            return SEALED in await published(kafka, keys)

        await eventually(there)
    await recorded(db, firm, company, 5)
    return db


async def recompute(owner: asyncpg.Connection, db: Database) -> None:
    """Change the seventh entry, and seal it, all that follow and the head anew."""
    async with db.system_transaction() as conn:
        entries = [entry async for entry in audit.walk(conn)]
    before = b""
    for entry in entries:
        changed = replace(entry, actor="system:nobody") if entry.position == 7 else entry
        before = link(before, changed)
        await owner.execute(
            "UPDATE audit SET actor = $2, hash = $3 WHERE position = $1",
            changed.position, changed.actor, before,
        )  # fmt: skip
    await owner.execute("UPDATE audit_head SET hash = $1", before)


async def cut(owner: asyncpg.Connection, _: Database) -> None:
    """Remove the end, with the head that tells of it, and what is left in the outbox."""
    await owner.execute("DELETE FROM audit WHERE position > 12")
    await owner.execute(
        "UPDATE audit_head SET position = 12, sealed = 12, hash = (SELECT hash FROM audit WHERE position = 12)"
    )
    await owner.execute("DELETE FROM outbox")


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (cut, "entry 13: the chain ends at 12, and had 20 entries"),
        (recompute, "entry 1: one of the entries 1 to 20 was changed, and the chain computed anew"),
    ],
    ids=["rows and head", "all recomputed"],
)
async def test_verify_tells_a_chain_that_holds_by_itself(
    new_database: DatabaseFactory, kafka_broker: Broker, tmp_path: Path, tamper: object, said: str
) -> None:
    database, key = await new_database("portal"), master_key(tmp_path)
    db = await sealed_chain(database, kafka_broker, key)
    code, words = await verified(database, kafka_broker, key)
    assert (code, words[0]) == (0, "the audit chain holds"), words
    owner = await asyncpg.connect(database.owner_dsn)
    assert callable(tamper)
    await tamper(owner, db)
    await owner.close()
    assert await verify_chain(db) == []
    code, words = await verified(database, kafka_broker, key)
    assert (code, words[0]) == (1, said)
    await db.close()


async def test_verify_says_when_the_checkpoints_could_not_be_read(
    new_database: DatabaseFactory, kafka_broker: Broker
) -> None:
    code, words = await verified(await new_database("portal"), kafka_broker, None)
    assert (code, words) == (2, ["the audit chain holds"])


async def test_a_chain_that_stands_still_gets_no_second_checkpoint(
    new_database: DatabaseFactory, tmp_path: Path
) -> None:
    db = await connect((await new_database("portal")).runtime_dsn, max_size=2)
    firm = await new_firm(db, 1, {})
    (company,) = firm.companies.values()
    (key,) = sealing_keys(master_key(tmp_path))
    assert not await seal_chain(db, key, system_clock)
    await recorded(db, firm, company, 3)
    assert [await seal_chain(db, key, system_clock) for _ in range(3)] == [True, False, False]
    assert await db.pool.fetchval("SELECT count(*) FROM outbox WHERE topic = 'audit.sealed'") == 1
    await db.close()


async def verified(
    database: ServiceDatabase, broker: Broker, key: Path | None
) -> tuple[int, list[str]]:
    """What `facteur audit verify` says, and its exit code."""
    settings = {
        "PORTAL_DATABASE_URL": database.runtime_dsn, "FACTEUR_KAFKA_BOOTSTRAP": broker.bootstrap,
        **({"PORTAL_MASTER_KEY_FILE": str(key)} if key else {}),
    }  # fmt: skip
    ran = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-m", "deploy.cli.main", "audit", "verify"],
        env={**os.environ, **settings}, cwd=Path(__file__).parents[3],
        capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert ran.returncode != 1 or ran.stdout, ran.stderr
    return ran.returncode, ran.stdout.splitlines()
