"""Checkpoints: whoever has the whole database in his hands can't make the chain say something else, nor
less, than what the signed topic says; and when there is nothing to compare with, that is said."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import pytest

from deploy.local.broker import Broker
from deploy.local.postgres import ServiceDatabase
from services.portal.acknowledging import acknowledge
from services.portal.app import create_app
from services.portal.audit import record_actions, verify_chain
from services.portal.checkpoints import SYSTEM, Keys, published, seal_chain, sealing_keys
from services.portal.domain.audit import link
from services.portal.domain.checkpoints import CHAIN, EVERY, Checkpoints, seal
from services.portal.settings import PortalSettings
from services.portal.store import audit
from shared import outbox
from shared.contracts.billing import DraftEdited
from shared.contracts.portal import AuditBreakAcknowledged, AuditSealed
from shared.database import Database, connect, prepare_connection
from shared.events import Actor, Envelope
from shared.relay import Relay
from shared.settings import KafkaSettings
from shared.topics import ensure_topics
from tests.conftest import DatabaseFactory
from tests.integration.portal.firm import Firm, browser, new_firm
from tests.services import eventually, kafka_settings, master_key, served

BEGAN = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
Owner = asyncpg.Connection


@dataclass
class Chain:
    """A chain of its own with a relay and a key, and nobody who adds to it but the test."""

    database: ServiceDatabase
    db: Database
    kafka: KafkaSettings
    key: Path
    firm: Firm
    now: datetime = BEGAN

    @property
    def settings(self) -> PortalSettings:
        return PortalSettings(database_url=self.database.runtime_dsn, master_key_file=self.key)

    @property
    def keys(self) -> Keys:
        return sealing_keys(self.key)

    async def grow(self, count: int) -> None:
        heard = []
        for _ in range(count):
            draft = DraftEdited(
                draft_id=uuid4(), company_id=self.firm.company_id, customer_id=uuid4(),
                document_kind="invoice", change="written",
            )  # fmt: skip
            heard.append((draft, Envelope(
                uuid4(), draft.topic, 1, str(draft.key), BEGAN, "/facteur/test", 1,
                Actor(kind="user", id=str(self.firm.user_id)), None, None, None,
            )))  # fmt: skip
        async with self.db.system_transaction() as conn:
            await record_actions(conn, heard)

    async def look(self) -> bool:
        """As one of the portal's processes does, when so much time has passed that one may be due."""
        self.now += EVERY
        return await seal_chain(self.db, self.keys.checkpoints[-1], lambda: self.now)

    async def heard(self) -> Checkpoints:
        return await published(self.kafka, self.keys)

    async def published(self, *entries: int) -> None:
        async def there() -> bool:
            return set((await self.heard()).found) == set(entries)

        await eventually(there, step=0.1)

    async def verify(self, **changes: str | None) -> tuple[int, str, str]:
        """`facteur audit verify`, as an operator runs it: status, result, remarks."""
        return await self.facteur("verify", **changes)

    async def facteur(self, *words: str, **changes: str | None) -> tuple[int, str, str]:
        env = {
            **os.environ,
            "PORTAL_DATABASE_URL": self.database.runtime_dsn,
            "PORTAL_MASTER_KEY_FILE": str(self.key),
            "FACTEUR_KAFKA_BOOTSTRAP": self.kafka.bootstrap,
            **changes,
        }
        ran = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-m", "deploy.cli.main", "audit", *words],
            env={name: value for name, value in env.items() if value is not None},
            cwd=Path(__file__).parents[3], capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        return ran.returncode, ran.stdout, ran.stderr


@pytest.fixture
async def chain(
    new_database: DatabaseFactory, kafka_broker: Broker, tmp_path: Path
) -> AsyncIterator[Chain]:
    """Twenty entries, sealed at five and at twenty."""
    database, kafka = await new_database("portal"), kafka_settings(kafka_broker)
    await ensure_topics(kafka, [AuditSealed, AuditBreakAcknowledged])
    db = await connect(database.runtime_dsn, max_size=4)
    made = Chain(database, db, kafka, master_key(tmp_path), await new_firm(db, 1, {}))
    relay = asyncio.create_task(Relay(database.runtime_dsn, kafka).run())
    for count in (5, 15):
        await made.grow(count)
        assert await made.look()
    await made.published(5, 20)
    yield made
    relay.cancel()
    await asyncio.gather(relay, return_exceptions=True)
    await db.close()


async def cut(_: Chain, owner: Owner) -> None:
    await owner.execute(
        "DELETE FROM audit WHERE position > 12; UPDATE audit_head SET position = 12, "
        "sealed = 12, hash = (SELECT hash FROM audit WHERE position = 12); DELETE FROM outbox"
    )


async def recompute(_: Chain, owner: Owner) -> None:
    """Entry 7 by somebody else, and every hash made anew, as whoever knows the code can."""
    await prepare_connection(owner)
    async with owner.transaction():
        before = b""
        for entry in [entry async for entry in audit.walk(owner)]:
            changed = replace(entry, actor="user:nobody") if entry.position == 7 else entry
            before = link(before, changed)
            await owner.execute(
                "UPDATE audit SET actor = $2, hash = $3 WHERE position = $1",
                entry.position, changed.actor, before,
            )  # fmt: skip
        await owner.execute("UPDATE audit_head SET hash = $1", before)


async def cut_and_let_grow(chain: Chain, owner: Owner) -> None:
    """The portal goes on with what it finds, and seals that."""
    await cut(chain, owner)
    await chain.grow(15)
    assert await chain.look()
    await chain.published(5, 20, 27)


async def recompute_and_forge(chain: Chain, owner: Owner) -> None:
    """With checkpoints of the forged chain, put into the outbox without the key."""
    await recompute(chain, owner)
    before = (await chain.heard()).strange
    async with chain.db.system_transaction() as conn:
        position, digest = await audit.head(conn)
        text, at = digest.hex(), BEGAN + timedelta(days=1)
        for wrong in (seal(os.urandom(32), position, text, at), "é" * 64):
            forged = AuditSealed(
                chain_id=CHAIN, position=position, hash=text, sealed_at=at, seal=wrong
            )
            await outbox.append(conn, forged, actor=SYSTEM, aggregate_version=99)

    async def there() -> bool:
        return (await chain.heard()).strange == before + 2

    await eventually(there, step=0.1)


CUT = "the chain ends at 12, and had 20 entries"
RECOMPUTED = "one of the entries 6 to 20 was changed, and the chain computed anew"
TAMPERINGS: dict[str, tuple[Callable[[Chain, Owner], Awaitable[None]], int, str]] = {
    "rows and head removed together": (cut, 13, CUT),
    "all recomputed": (recompute, 6, RECOMPUTED),
    "cut, and grown again": (cut_and_let_grow, 6, RECOMPUTED),
    "recomputed, with a forged checkpoint": (recompute_and_forge, 6, RECOMPUTED),
}


@pytest.mark.parametrize("what", TAMPERINGS)
async def test_what_was_done_to_the_whole_database_is_located(chain: Chain, what: str) -> None:
    """By `facteur audit verify`, and on the page in the reader's language."""
    status, said, _ = await chain.verify()
    assert status == 0, said
    assert "2 checkpoints compared, the newest at entry 20" in said
    tamper, position, words = TAMPERINGS[what]
    owner = await asyncpg.connect(chain.database.owner_dsn)
    await tamper(chain, owner)
    await owner.close()
    assert await verify_chain(chain.db) == [], "by itself it holds"
    status, said, _ = await chain.verify()
    assert (status, said.splitlines()[:2]) == (
        1,
        [f"entry {position}: {words}", "the audit chain is broken"],
    )
    async with pages_of(chain, chain.settings) as pages:
        # this portal hears the broker's other topics: a chain that was cut may have grown again by then
        places = {f"Regel {position}:", "Regel 6:"}

        async def checked() -> str | None:
            page = (await pages.get("/audit?lang=nl")).text
            return page if any(place in page for place in places) else None

        assert "controlepunten buiten de databank" in await eventually(checked, step=0.2)


@asynccontextmanager
async def pages_of(chain: Chain, settings: PortalSettings) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        served(create_app(settings, chain.kafka)) as client,
        browser(str(client.base_url), chain.firm) as pages,
    ):
        yield pages


async def test_the_page_says_with_what_it_was_compared_and_why_with_nothing(chain: Chain) -> None:
    """What wasn't compared isn't shown as if it had been."""
    keyless = chain.settings.model_copy(update={"master_key_file": None})
    for settings, words in (
        (chain.settings, "Compared with the checkpoints kept outside the database, the newest of "),
        (keyless, "Compared with no checkpoint outside the database: the portal has no key for them"),
    ):  # fmt: skip
        async with pages_of(chain, settings) as pages:

            async def said(pages: httpx.AsyncClient = pages, words: str = words) -> bool:
                return words in (await pages.get("/audit?lang=en")).text

            await eventually(said, step=0.2)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"PORTAL_MASTER_KEY_FILE": None}, "no PORTAL_MASTER_KEY_FILE is set"),
        ({"FACTEUR_KAFKA_BOOTSTRAP": "127.0.0.1:1"}, "the broker doesn't answer"),
        ({}, "there is none that our keys have sealed"),
    ],
)
async def test_what_can_t_be_compared_isn_t_passed_in_silence(
    chain: Chain, changes: dict[str, str | None], why: str, tmp_path: Path
) -> None:
    if not changes:
        (tmp_path / "another").mkdir()
        changes = {"PORTAL_MASTER_KEY_FILE": str(master_key(tmp_path / "another"))}
    status, said, remarks = await chain.verify(**changes)
    assert (status, said) == (2, "the audit chain holds\n")
    assert why in remarks


async def test_of_many_who_look_one_seals_and_none_a_chain_that_stands_still(chain: Chain) -> None:
    await chain.grow(3)
    chain.now += EVERY
    made = await asyncio.gather(
        *(seal_chain(chain.db, chain.keys.checkpoints[-1], lambda: chain.now) for _ in range(8))
    )
    assert sorted(made)[-2:] == [False, True]
    assert not await chain.look()
    await chain.grow(1)
    assert not await seal_chain(
        chain.db, chain.keys.checkpoints[-1], lambda: chain.now - EVERY / 2
    ), "too soon"
    assert await chain.look()
    await chain.published(5, 20, 23, 24)


async def test_a_chain_that_grows_meanwhile_holds(chain: Chain) -> None:
    """Head and entries are read of one moment."""

    async def grow() -> None:
        for _ in range(150):
            await chain.grow(3)

    growing = asyncio.create_task(grow())
    walks = 0
    while not growing.done():
        assert await verify_chain(chain.db) == []
        walks += 1
    await growing
    assert walks > 5


REASON = "restored from the backup of 2 November"


async def acknowledged(chain: Chain, *options: str) -> str:
    """By the operator, and published."""
    before = len((await chain.heard()).acknowledged)
    status, said, remarks = await chain.facteur("acknowledge", "--reason", REASON, *options)
    assert status == 0, remarks

    async def there() -> bool:
        return len((await chain.heard()).acknowledged) > before

    await eventually(there, step=0.1)
    return said


async def test_after_a_restore_the_break_is_acknowledged_and_the_rest_is_judged(
    chain: Chain,
) -> None:
    """Also where the chain, grown again, comes past what was sealed of the one before."""
    owner = await asyncpg.connect(chain.database.owner_dsn)
    await cut(chain, owner)  # as a backup of that time puts it back
    assert f"entry 13: {CUT}" in await acknowledged(chain, "--by", "odile")
    status, said, _ = await chain.verify()
    assert (status, said.splitlines()[0]) == (0, "the audit chain holds"), said
    assert f"acknowledged break at entry 13 ({CUT}): " in said
    assert f"UTC, by odile: {REASON}" in said
    chain.now = datetime.now(UTC)
    await chain.grow(8)
    assert await chain.look()  # of twenty entries, as before, and others
    await chain.grow(5)
    assert await chain.look()
    await chain.published(5, 12, 20, 25)
    status, said, _ = await chain.verify()
    assert status == 0, said
    async with pages_of(chain, chain.settings) as pages:
        words = ("Rupture à l’entrée 13, vue et reconnue", f"« {REASON} »", "Journal intact")

        async def shown() -> bool:
            page = (await pages.get("/audit?lang=fr")).text
            return all(each in page for each in words)

        await eventually(shown, step=0.2)
    await recompute(chain, owner)
    status, said, _ = await chain.verify()
    assert status == 1
    assert "entry 6: one of the entries 6 to 12 was changed, and the chain computed anew" in said
    assert f"acknowledged break at entry 13 ({CUT})" in said
    await owner.close()


async def test_an_acknowledgement_is_recorded_in_the_audit_itself(chain: Chain) -> None:
    owner = await asyncpg.connect(chain.database.owner_dsn)
    await cut(chain, owner)
    await acknowledged(chain)
    async with pages_of(chain, chain.settings):

        async def recorded() -> str | None:
            found: str | None = await owner.fetchval(
                "SELECT detail::text FROM audit WHERE action = 'audit.break_acknowledged'"
            )
            return found

        entry = await eventually(recorded, step=0.2)
    for said in (REASON, '"operator"', '"cut"', '"sealed": 20'):
        assert said in entry
    await owner.close()


async def test_a_row_that_was_seen_changed_may_not_change_again(chain: Chain) -> None:
    """What was acknowledged is what was there; another row, or the same with another content, is new."""
    owner = await asyncpg.connect(chain.database.owner_dsn)
    await owner.execute("UPDATE audit SET actor = 'user:nobody' WHERE position = 7")
    assert "entry 7: the entry was changed" in await acknowledged(chain)
    assert (await chain.verify())[0] == 0
    for statement, place in (
        ("UPDATE audit SET actor = 'user:another' WHERE position = 7", 7),
        ("UPDATE audit SET actor = 'user:nobody' WHERE position IN (7, 9)", 9),
    ):
        await owner.execute(statement)
        assert [b.position for b in await verify_chain(chain.db, await chain.heard())] == [place]
    await owner.close()


async def test_nobody_acknowledges_with_the_database_alone(chain: Chain) -> None:
    """Nor what doesn't need it, nor unseen, nor without a word."""
    status, _, remarks = await chain.facteur("acknowledge", "--reason", REASON)
    assert (status, "there is no break" in remarks) == (2, True), remarks
    owner = await asyncpg.connect(chain.database.owner_dsn)
    await cut(chain, owner)
    await owner.close()
    for options, changes, why in (
        ((), {}, "say the --reason"),
        (("--reason", REASON), {"PORTAL_MASTER_KEY_FILE": None}, "no PORTAL_MASTER_KEY_FILE is set"),
        (("--reason", REASON), {"FACTEUR_KAFKA_BOOTSTRAP": "127.0.0.1:1"}, "the broker doesn't answer"),
    ):  # fmt: skip
        status, _, remarks = await chain.facteur("acknowledge", *options, **changes)
        assert (status, why in remarks) == (2, True), remarks
    known = await chain.heard()
    forger = Keys((os.urandom(32),), (os.urandom(32),))
    await acknowledge(chain.db, forger, known, "nobody", REASON, lambda: BEGAN + timedelta(days=1))

    async def there() -> bool:
        return (await chain.heard()).strange == known.strange + 1

    await eventually(there, step=0.1)
    status, said, _ = await chain.verify()
    assert (status, said.splitlines()[0]) == (1, f"entry 13: {CUT}")
    assert "acknowledged" not in said


async def test_a_checkpoint_that_is_too_old_while_entries_are_newer_is_told(chain: Chain) -> None:
    """By the command, and on the page."""
    status, said, remarks = await chain.verify()
    assert (status, "protected" in remarks) == (0, False)
    assert "the newest at entry 20, made " in said
    await chain.grow(4)
    status, _, remarks = await chain.verify()
    assert status == 0
    assert (
        "4 entries are newer than that, and no checkpoint was made for more than 10 min" in remarks
    )
    async with pages_of(chain, chain.settings) as pages:

        async def told() -> bool:
            """Once the page knows that it was compared; nobody else's checkpoint has come meanwhile."""
            await chain.db.pool.execute("UPDATE audit_head SET heard = 20, heard_at = $1", BEGAN)
            page = (await pages.get("/audit?lang=nl")).text
            return "Laatste controlepunt: " in page and "ze zijn nog niet beschermd" in page

        await eventually(told, step=0.2)


async def test_the_page_knows_the_newest_checkpoint_that_came_back(chain: Chain) -> None:
    async with chain.db.system_transaction() as conn:
        for position, at in ((20, BEGAN), (24, BEGAN + EVERY), (23, BEGAN)):
            await audit.mark_heard(conn, position, at)
        heard = await audit.heard(conn)
    assert (heard.position, heard.at) == (24, BEGAN + EVERY)
