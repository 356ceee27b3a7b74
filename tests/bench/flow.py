"""From the issuing request to the peer's proof, on the embedded stack: latency, rates, memory."""

import asyncio
import os
import re
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import psutil

from tests.bench.table import Row, milliseconds
from tests.faults.issuer import LINE, Issuer, staged
from tests.services import eventually

CHANNELS = ("peppol", "sftp", "ftps", "email")
TARGET_RATE = {"peppol": "≥ 40/s", "sftp": "≥ 40/s", "email": "≥ 12/s"}
SIDE_BY_SIDE = 12
IN_FLIGHT = 8
"""DELIVERY_IN_FLIGHT's default."""


@asynccontextmanager
async def stage(broker: str) -> AsyncIterator[Issuer]:
    """The stack with one worker a channel, and a customer for each."""
    with tempfile.TemporaryDirectory(prefix="facteur-bench-") as folder:
        os.chmod(folder, 0o755)  # noqa: PTH101, S103 — PostgreSQL runs as another user
        async with staged(
            Path(folder),
            dict.fromkeys(CHANNELS, 1),
            broker=broker,
            channels={channel: (channel,) for channel in CHANNELS},
        ) as issuer:
            yield issuer


async def measures(broker: str, seconds: int, count: int) -> list[Row]:
    """Everything that is measured on a whole stack over this broker."""
    rows: list[Row] = []
    async with stage(broker) as issuer:
        for channel in CHANNELS:
            await proved(
                issuer, [await issue(issuer, d) for d in await drafts(issuer, channel, 15)]
            )
        rows += [await latency(issuer, broker, c, 10 * seconds) for c in CHANNELS]
        for channel in CHANNELS:
            rows += await sustained(issuer, broker, channel, count)
        rows += memory(issuer, broker)
    return rows


async def latency(issuer: Issuer, broker: str, channel: str, count: int) -> Row:
    """Ten issues a second, whether or not the former are answered."""
    written = await drafts(issuer, channel, count)
    begun: dict[str, float] = {}

    async def one(draft: str) -> str:
        moment = time.time()
        invoice = await issue(issuer, draft)
        begun[invoice] = moment
        return invoice

    start, tasks = time.monotonic(), []
    for nth, draft in enumerate(written):
        await asyncio.sleep(max(0.0, start + nth / 10 - time.monotonic()))
        tasks.append(asyncio.create_task(one(draft)))
    proofs = await proved(issuer, await asyncio.gather(*tasks))
    found = [ended - begun[invoice] for invoice, ended in proofs.items()]
    target = "p50 ≤ 150 ms, p99 ≤ 500 ms" if channel == "peppol" else ""
    what = f"issuing request → {channel} proof, 10/s, {count} invoices"
    return Row(what, broker, milliseconds(found), target)


async def sustained(issuer: Issuer, broker: str, channel: str, count: int) -> list[Row]:
    """As many as go: drafts are written before, issues are asked for side by side. And what each
    process spends on an invoice, the broker, PostgreSQL and the peers included."""
    written = await drafts(issuer, channel, count)
    before = processor(issuer)
    turn = asyncio.Semaphore(SIDE_BY_SIDE)

    async def one(draft: str) -> str:
        async with turn:
            return await issue(issuer, draft)

    start = time.time()
    invoices = await asyncio.gather(*(one(draft) for draft in written))
    issued = time.time() - start
    proofs = await proved(issuer, invoices)
    over = max(proofs.values()) - start
    spent = {name: 1000 * (t - before[name]) / count for name, t in processor(issuer).items()}
    what = (
        f"sustained, {channel}, {count} invoices, {SIDE_BY_SIDE} requests side by side, "
        f"{IN_FLIGHT} deliveries in flight a worker"
    )
    value = f"{count / issued:.1f}/s issued, {count / over:.1f}/s issued and delivered"
    largest = sorted(spent.items(), key=lambda part: -part[1])
    parts = ", ".join(f"{name} {ms:.1f}" for name, ms in largest if ms >= 0.5)
    return [
        Row(what, broker, value, TARGET_RATE.get(channel, "")),
        Row(
            f"processor time of an invoice, {channel}",
            broker,
            f"{sum(spent.values()):.0f} ms: {parts}",
        ),
    ]


def processor(issuer: Issuer) -> dict[str, float]:
    """Seconds of processor time of each program of the stack so far, its own processes included."""
    spent = {}
    for name, pid in issuer.stack.supervisor.pids().items():
        program = psutil.Process(pid)
        spent[name] = 0.0
        for process in [program, *program.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                spent[name] += sum(process.cpu_times()[:2])
    return spent


def memory(issuer: Issuer, broker: str) -> list[Row]:
    """Resident memory of each process after the load; worker processes of services apart."""
    rows = []
    for name, pid in sorted(issuer.stack.supervisor.pids().items()):
        process = psutil.Process(pid)
        own = process.memory_info().rss / 2**20
        children = [c.memory_info().rss / 2**20 for c in process.children(recursive=True)]
        value = f"{own:.0f} MB"
        if children and name not in ("postgres", "kafka"):
            value += f", its worker processes {', '.join(f'{c:.0f}' for c in children)} MB"
        ours = re.match(r"identity|portal|billing|delivery", name)
        rows.append(Row(f"resident memory, {name}", broker, value, "≤ 150 MB" if ours else ""))
    return rows


async def drafts(issuer: Issuer, channel: str, count: int) -> list[str]:
    """Drafts to a customer of this channel."""
    turn = asyncio.Semaphore(8)

    async def one() -> str:
        draft = str(uuid4())
        body = {
            "draft_id": draft, "customer_id": issuer.customers[channel],
            "content": {"due_date": "2027-01-31", "buyer_reference": "PO 7",
                        "lines": [LINE, LINE, LINE]},
        }  # fmt: skip
        async with turn:
            await issuer.marie.ask("billing", "POST", "/v1/drafts", json=body)
        return draft

    return list(await asyncio.gather(*(one() for _ in range(count))))


async def issue(issuer: Issuer, draft: str) -> str:
    """The id of the invoice that a draft became."""
    answer: dict[str, Any] = await issuer.marie.ask("billing", "POST", f"/v1/drafts/{draft}/issue")
    return str(answer["invoice_id"])


async def proved(issuer: Issuer, invoices: list[str], seconds: float = 120) -> dict[str, float]:
    """When each invoice was delivered (Unix time), once all are."""
    url = issuer.stack.environments["delivery"]["DELIVERY_OWNER_DATABASE_URL"]
    conn = await asyncpg.connect(url)
    wanted = [UUID(i) for i in invoices]

    async def all_there() -> dict[str, float] | None:
        rows = await conn.fetch(
            "SELECT d.invoice_id, a.ended_at FROM delivery d JOIN attempt a USING (delivery_id) "
            "WHERE d.invoice_id = ANY($1) AND a.outcome = 'delivered'",
            wanted,
        )
        if len(rows) < len(wanted):
            return None
        return {str(r["invoice_id"]): _unix(r["ended_at"]) for r in rows}

    try:
        await conn.execute("SELECT set_config('app.company_id', '*', false)")
        found: dict[str, float] = await eventually(all_there, seconds, 0.25)
    finally:
        await conn.close()
    return found


def _unix(moment: datetime) -> float:
    return moment.timestamp()
