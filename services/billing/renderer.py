"""Rendering the readable form, once: when a delivery or a reader needs it, else at leisure.

Leased rows, a process of its own. The legal original exists since the issue; a PDF takes some ten
times as long as everything else, so a busy service makes only those that somebody waits for.
"""

import asyncio
import base64
import hashlib
import logging
import multiprocessing
import os
import threading
import time
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta

from services.billing.domain.numbering import file_name
from services.billing.store import renderings
from services.billing.store.renderings import DueRendering
from shared import metrics, outbox
from shared.clock import Clock, system_clock
from shared.contracts.billing import Document, InvoiceRendered
from shared.database import UNAVAILABLE, Database
from shared.einvoice.rules.worker import at_most, end_with_parent
from shared.events import Actor
from shared.failpoints import failpoint
from shared.waiting import rest

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=20)
POLL_SECONDS = 0.5
WAITS = (timedelta(seconds=2), timedelta(seconds=30), timedelta(minutes=5), timedelta(hours=1))

LONGEST_SECONDS = 60.0
"""A document that takes longer ends its worker (one of 10,000 lines takes three)."""
RENDER_NICENESS = 2
LEISURE_SECONDS = 2.0
"""So long after the last issue the PDFs that nobody waits for are made."""

SYSTEM = Actor(kind="system", id="billing")


class RenderingStuck(RuntimeError):
    """The worker gave no answer, not even that it ended."""


def render(content: dict[str, object], language: str) -> bytes:
    """In the worker: the Factur-X PDF of an invoice (PDF/A-3, XML embedded)."""
    from services.billing.documents.pdf import render as render_pdf
    from shared.einvoice.model import Invoice

    with at_most(LONGEST_SECONDS):
        return render_pdf(Invoice.model_validate(content), language)


def _step_back() -> None:
    """In the worker, once: a document that is issued or delivered goes before one that is rendered;
    and no worker outlives a service that was killed."""
    os.nice(RENDER_NICENESS)
    threading.Thread(target=end_with_parent, name="end-with-parent", daemon=True).start()


@dataclass
class Renderer:
    """`run()` until cancelled; `wake()` spares the wait for the next poll, `busy()` says that
    something was issued."""

    database: Database
    workers: int = 1
    clock: Clock = system_clock
    patience: float = 4 * LONGEST_SECONDS
    """Seconds until a worker that doesn't answer is given up: two documents may be before one's own."""
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _pool: ProcessPoolExecutor | None = None
    _issued_at: float = field(default_factory=time.monotonic)
    _running: set["asyncio.Task[None]"] = field(default_factory=set)

    def wake(self) -> None:
        """Somebody may need a PDF now."""
        self._woken.set()

    def busy(self) -> None:
        """This process issued something: what nobody waits for comes later."""
        self._issued_at = time.monotonic()

    async def run(self) -> None:
        """Render what is due, for ever."""
        try:
            while True:
                self._woken.clear()
                await self._take()
                await rest(self._woken, POLL_SECONDS)
        finally:
            for task in self._running:
                task.cancel()
            if self._pool is not None:
                self._pool.shutdown(wait=False, cancel_futures=True)

    async def _take(self) -> None:
        """Keep the processes fed: one document in each, and two that wait for it."""
        room = 3 * self.workers - len(self._running)
        if room <= 0:
            return
        try:
            for work in await self._due(room):
                task = asyncio.create_task(self._render(work))
                self._running.add(task)
                task.add_done_callback(self._done)
        except UNAVAILABLE as error:
            log.warning("rendering waits for the database: %s", type(error).__name__)
            await asyncio.sleep(1)

    async def _due(self, room: int) -> list[DueRendering]:
        now = self.clock()
        async with self.database.system_statement() as conn:
            due = await renderings.lease(conn, now, now + LEASE, room)
            at_leisure = time.monotonic() - self._issued_at > LEISURE_SECONDS
            if not due and not self._running and at_leisure:
                due = await renderings.lease(conn, now, now + LEASE, self.workers, leisure=True)
        return due

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._running.discard(task)
        self._woken.set()

    async def _render(self, work: DueRendering) -> None:
        """One document; if its row can't be settled, it comes back when its lease ends."""
        try:
            await self._made(work)
        except UNAVAILABLE:
            log.warning("rendering of %s is repeated: the database is away", work.number)

    async def _made(self, work: DueRendering) -> None:
        pool = self._opened()
        try:
            pdf = await self._rendered(pool, work)
            failpoint("render.before_store")
            await self._store(work, pdf)
        except (BrokenExecutor, RenderingStuck) as error:
            self._discard(pool)
            await self._postpone(work, error)
        except UNAVAILABLE:
            raise
        except Exception as error:  # noqa: BLE001 — kept with the row, for whoever looks
            await self._postpone(work, error)

    async def _rendered(self, pool: ProcessPoolExecutor, work: DueRendering) -> bytes:
        try:
            with metrics.timed(metrics.rendering_time):
                async with asyncio.timeout(self.patience):
                    return await asyncio.get_running_loop().run_in_executor(
                        pool, render, work.content, work.language
                    )
        except TimeoutError:
            raise RenderingStuck(f"no answer in {self.patience:.0f} s") from None

    def _discard(self, pool: ProcessPoolExecutor) -> None:
        """Its workers end, whatever they do, and with them what was in hand; what comes gets new ones."""
        if self._pool is pool:
            self._pool = None
            # from Python 3.14 on `kill_workers`
            for process in list((pool._processes or {}).values()):  # noqa: SLF001
                process.kill()
            pool.shutdown(wait=False)

    async def _store(self, work: DueRendering, pdf: bytes) -> None:
        sha256 = hashlib.sha256(pdf).hexdigest()
        event = InvoiceRendered(
            invoice_id=work.invoice_id,
            company_id=work.company_id,
            number=work.number,
            readable=Document(
                name=file_name(work.number, "pdf"),
                media_type="application/pdf",
                sha256=sha256,
                content=base64.b64encode(pdf),
            ),
        )
        async with self.database.system_transaction() as conn:
            if await renderings.store(conn, work.invoice_id, pdf, sha256):
                await outbox.append(conn, event, actor=SYSTEM, aggregate_version=2)

    async def _postpone(self, work: DueRendering, error: Exception) -> None:
        log.error("rendering of %s failed: %r", work.number, error)
        wait = WAITS[min(work.attempts, len(WAITS)) - 1]
        async with self.database.system_transaction() as conn:
            await renderings.postpone(conn, work.invoice_id, self.clock() + wait, repr(error)[:500])

    def _opened(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self.workers, multiprocessing.get_context("spawn"), _step_back
            )
        return self._pool
