"""Delivery workers: 1, 2 and 4 against peers that take their time, and what a backlog costs."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from deploy.local import postgres
from deploy.local.pki import Pki
from deploy.local.postgres import ServiceDatabase
from services.delivery.commands import receptions
from services.delivery.commands.attempts import Attempts
from services.delivery.commands.breakers import mind
from services.delivery.commands.receptions import ReceptionBody
from services.delivery.consumers import schedule_deliveries
from services.delivery.domain.schedule import load_schedule
from services.delivery.settings import DeliverySettings
from services.delivery.store import work
from shared.access.guard import Principal
from shared.clock import system_clock
from shared.database import Database, connect
from shared.events import Actor, Envelope
from shared.migrate import migrate
from shared.secretbox import load_box
from tests.bench.table import Row
from tests.integration.alone import started
from tests.integration.delivery.documents import issued_event
from tests.services import eventually, master_key

IN_FLIGHT = 2
PEER_SECONDS = 0.05


@dataclass
class Stand:
    """Delivery's database and a file server in a process of its own."""

    database: ServiceDatabase
    db: Database
    folder: Path
    ports: dict[str, int]

    async def plan(self, count: int) -> None:
        """So many deliveries over SFTP are due."""
        company, customer = uuid4(), uuid4()
        settings = {
            "host": "127.0.0.1", "port": self.ports["sftp"], "user": "facteur",
            "host_key": (self.folder / "drop" / "host_key.pub").read_text().strip(),
        }  # fmt: skip
        way = {"channel": "sftp", "settings": settings, "password": "facteur"}
        caller = Principal(
            uuid4(), uuid4(), uuid4(), company, "company", "", "", "", None, frozenset(),
            frozenset(), "fr", True, None, False,
        )  # fmt: skip
        body = ReceptionBody.model_validate({"ways": [way]})
        box = load_box(master_key(self.folder))
        await receptions.set_reception(self.db, box, caller, customer, body, system_clock)
        for _ in range(count):
            event = issued_event(company, customer)
            envelope = Envelope(
                uuid4(), event.topic, 1, str(event.key), system_clock(), "/facteur/billing", 1,
                Actor(kind="system", id="bench"), None, company, None,
            )  # fmt: skip
            async with self.db.system_transaction() as conn:
                await schedule_deliveries(conn, event, envelope)

    async def count(self, state: str) -> int:
        async with self.db.system_transaction() as conn:
            found: int = await conn.fetchval(
                "SELECT count(*) FROM delivery WHERE state = $1", state
            )
        return found


@asynccontextmanager
async def stand() -> AsyncIterator[Stand]:
    """A database server that keeps its word (fsync), and the peer."""
    with tempfile.TemporaryDirectory(prefix="facteur-bench-") as name:
        folder = Path(name)
        os.chmod(folder, 0o755)  # noqa: PTH101, S103 — PostgreSQL runs as another user
        server = postgres.start_server(folder / "postgres")
        pki = Pki.at(folder / "pki")
        pki.server()
        arguments = ["--folder", str(folder / "drop"), "--certificate",
                     str(pki.folder / "tls-localhost.pem"), "--key",
                     str(pki.folder / "tls-localhost.key")]  # fmt: skip
        peer = subprocess.Popen(  # noqa: ASYNC220 — nothing else runs yet
            [sys.executable, "-m", "deploy.local.peers.filedrop", *arguments],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert peer.stdout is not None
            ports: dict[str, int] = json.loads(await asyncio.to_thread(peer.stdout.readline))
            database = await postgres.ensure_service_database(server.cluster, "delivery")
            await migrate(database.owner_dsn, database.runtime_dsn, "delivery")
            db = await connect(database.runtime_dsn, max_size=4)
            yield Stand(database, db, folder, ports)
            await db.close()
        finally:
            peer.terminate()
            peer.wait()
            server.stop()


async def scaling(count: int) -> list[Row]:
    """The same work for 1, 2 and 4 workers; the clock runs from the first attempt to the last."""
    rates: dict[int, float] = {}
    async with stand() as bench, httpx.AsyncClient() as client:
        slow = {"delay_seconds": PEER_SECONDS}
        url = f"http://127.0.0.1:{bench.ports['http']}/behaviour"
        (await client.put(url, json=slow)).raise_for_status()
        for workers in (1, 2, 4):
            rates[workers] = await _drained(bench, workers, count)
    return [
        Row(
            f"deliveries by SFTP, {n} worker{'s' * (n > 1)}, peer takes 50 ms, {IN_FLIGHT} in flight each",
            "none",
            f"{rate:.1f}/s ({rate / rates[1]:.2f} ×)",
            "≥ 3.5 ×" if n == 4 else "",
        )
        for n, rate in rates.items()
    ]


async def _drained(bench: Stand, workers: int, count: int) -> float:
    """Deliveries a second."""
    before = await bench.count("delivered")
    await bench.plan(count)
    since = system_clock()
    env: dict[str, Any] = {
        "DELIVERY_MASTER_KEY_FILE": str(master_key(bench.folder)),
        "DELIVERY_PRIVATE_ADDRESSES": "true",
        "DELIVERY_IN_FLIGHT": str(IN_FLIGHT),
    }
    async with AsyncExitStack() as stack:
        for _ in range(workers):
            await stack.enter_async_context(
                started("delivery", bench.database, None, "--channels", "sftp", **env)
            )

        async def drained() -> bool:
            return await bench.count("delivered") == before + count

        await eventually(drained, 180, 0.1)
    async with bench.db.system_transaction() as conn:
        # when the last worker had begun: starting Python isn't what is measured
        rows = await conn.fetch(
            "SELECT started_at, ended_at FROM attempt WHERE started_at > $1 ORDER BY ended_at",
            since,
        )
    warm = rows[len(rows) // 4]["ended_at"]
    span: float = (rows[-1]["ended_at"] - warm).total_seconds()
    return (len(rows) - len(rows) // 4 - 1) / span


async def backlog(sizes: tuple[int, ...] = (1_000, 10_000, 100_000), items: int = 400) -> list[Row]:
    """What the database takes for one delivery's lease, begin and end, in front of a backlog."""
    rows = []
    async with stand() as bench:
        for size in sizes:
            await _fill(bench, size)
            each = await _cycle(bench, items)
            value = f"{1000 * each:.2f} ms for each"
            rows.append(
                Row(f"lease, begin and end of a delivery, {size} due", "none", value, "flat")
            )
        for size in sizes:
            rows += await _behind_a_dead_peer(bench, size, items)
    return rows


async def _behind_a_dead_peer(bench: Stand, size: int, items: int) -> list[Row]:
    """The same for a healthy peer, with so many due behind the open breaker of another."""
    await _fill(bench, size, endpoint="dead")
    async with bench.db.system_transaction() as conn:
        await conn.execute(
            "INSERT INTO endpoint (endpoint, failures, openings, open_until) "
            "VALUES ('dead0', 5, 1, now() + interval '1 day') ON CONFLICT DO NOTHING"
        )
    schedule = load_schedule(DeliverySettings.model_fields["retries_file"].default)
    box = load_box(master_key(bench.folder))
    began = time.perf_counter()
    await mind(Attempts(bench.db, box, schedule, system_clock, timedelta(minutes=2)))
    parked = time.perf_counter() - began
    await _fill(bench, items, among=True)
    each = await _cycle(bench, items)
    behind = f"{size} due behind a dead peer"
    return [
        Row(f"parking, {behind}", "none", f"{parked:.2f} s, once"),
        Row(f"lease, begin and end of a delivery to a healthy peer, {behind}", "none",
            f"{1000 * each:.2f} ms for each", "flat"),
    ]  # fmt: skip


async def _fill(bench: Stand, size: int, *, endpoint: str = "healthy", among: bool = False) -> None:
    """So many deliveries are due, alone or `among` those that are there."""
    async with bench.db.system_transaction() as conn:
        if not among:
            await conn.execute("DELETE FROM delivery")
        await conn.execute(
            "INSERT INTO delivery (delivery_id, invoice_id, company_id, channel, target, endpoint, route, "
            "state, next_attempt_at, cause, created_at, version) SELECT gen_random_uuid(), "
            "gen_random_uuid(), gen_random_uuid(), 'peppol', 't', $2 || n % $3, '{}', 'due', "
            "now() - n * interval '1 ms', gen_random_uuid(), now(), 1 FROM generate_series(1, $1::int) AS n",
            size,
            endpoint,
            50 if endpoint == "healthy" else 1,
        )
    owner = await connect(bench.database.owner_dsn, max_size=1)
    await owner.pool.execute("VACUUM ANALYZE delivery")
    await owner.close()


async def _cycle(bench: Stand, items: int) -> float:
    """Seconds for one delivery, leased eight at a time as a worker does."""
    began, done = time.perf_counter(), 0
    while done < items:
        now = system_clock()
        async with bench.db.system_transaction() as conn:
            leased = await work.lease(conn, ["peppol"], now, now + timedelta(minutes=2), 8)
        for one in leased:
            async with bench.db.system_transaction() as conn:
                await work.begin(conn, one.delivery_id, one.fence, 1, b"", now)
            async with bench.db.system_transaction() as conn:
                await work.finish(conn, one.delivery_id, one.fence, 1, "delivered", None)
        done += len(leased)
    return (time.perf_counter() - began) / done
