"""Official rules without blocking the event loop: worker processes, each with a Saxon of its own."""

import asyncio
import logging
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from datetime import UTC, datetime
from typing import TypeVar

from shared.einvoice.rules import worker
from shared.einvoice.rules.catalogue import (
    BR_FR,
    CEN,
    PEPPOL,
    UBL_XSD,
    RuleSet,
    newest_valid,
    rule_sets_in_force,
)
from shared.einvoice.rules.finding import Finding

log = logging.getLogger(__name__)

T = TypeVar("T")

ESSENTIAL = frozenset({UBL_XSD, CEN, PEPPOL, BR_FR})
"""What no invoice is issued without."""


class ValidatorBusy(RuntimeError):
    """More documents wait to be judged than are let in: try again in a moment."""


class ValidatorBroken(RuntimeError):
    """A worker died over a document, and so did another that had this one alone: it was not judged."""


def _in_force_and_here() -> list[RuleSet]:
    """Today's rule sets: the essential ones in any case (`start` says which is missing), others if here."""
    day = datetime.now(UTC).date()
    in_force = rule_sets_in_force(day).values()
    for rules in in_force:
        newest = newest_valid(rules.name, day)
        if newest != rules:
            log.error(
                "rule set %s %s is outdated: %s is in force since %s, and isn't here "
                "(python -m shared.einvoice.rules.jars, or FACTEUR_RULES_DIR)",
                rules.name, rules.version, newest.version, newest.valid_from,
            )  # fmt: skip
    return [rules for rules in in_force if rules.name in ESSENTIAL or rules.exists()]


class Validator:
    """Judges documents by the rule sets in force, in `workers` processes.

    At most `queue` documents are judged or wait at a time. A worker that dies is replaced; whatever
    was in hand then is tried once more, one document at a time in a process apart, so that the one
    which kills its judge is told from those that were beside it.
    """

    def __init__(
        self,
        rule_sets: Sequence[RuleSet] | None = None,
        *,
        workers: int = 1,
        queue: int = 256,
        longest_seconds: float = 60.0,
    ) -> None:
        """Without `rule_sets`: those in force today. One that few documents need (self-billing) may be
        absent: a document that needs it is then refused with RuleSetMissing, the others are judged.

        A worker that needs more than `longest_seconds` for one document ends (ten MiB take two).
        """
        self._longest_seconds = longest_seconds
        self._sets = tuple(rule_sets if rule_sets is not None else _in_force_and_here())
        self._workers = workers
        self._queue = queue
        self._pending = 0
        self._pool: ProcessPoolExecutor | None = None
        self._suspects = 0
        self._one_alone = asyncio.Lock()
        self._apart: ProcessPoolExecutor | None = None

    @property
    def rule_sets(self) -> tuple[RuleSet, ...]:
        """What documents are judged by."""
        return self._sets

    async def start(self) -> None:
        """Start the workers and compile the rules (about a second and a half).

        Raises RuleSetMissing when a set can't be read or compiled. May run beside other start-up
        work; documents that come meanwhile wait.
        """
        for rule_set in self._sets:
            if not rule_set.exists():
                rule_set.read()
        pool = self._opened()
        await asyncio.gather(*(self._run(pool, worker.ready) for _ in range(self._workers)))

    async def validate(self, xml: bytes, sets: Sequence[str]) -> list[Finding]:
        """What the named rule sets find in the document, in their order; empty when all is well.

        Raises `xml.XmlRefused`, `UblError`, RuleSetMissing, ValidatorBusy and ValidatorBroken.
        """
        if self._pending >= self._queue:
            raise ValidatorBusy(
                f"{self._queue} documents are waiting to be judged: try again in a moment"
            )
        self._pending += 1
        try:
            return await self._twice(xml, tuple(sets))
        finally:
            self._pending -= 1

    async def close(self) -> None:
        """End the workers once they have finished what they are doing."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await asyncio.to_thread(pool.shutdown, wait=True, cancel_futures=True)

    async def __aenter__(self) -> "Validator":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _twice(self, xml: bytes, sets: tuple[str, ...]) -> list[Finding]:
        pool = self._opened()
        try:
            return await self._run(pool, worker.judge, xml, sets)
        except BrokenExecutor:
            self._discard(pool)
        self._suspects += 1
        try:
            async with self._one_alone:
                return await self._alone(xml, sets)
        finally:
            self._suspects -= 1
            if not self._suspects:
                self._end_apart()

    async def _alone(self, xml: bytes, sets: tuple[str, ...]) -> list[Finding]:
        pool = self._apart = self._apart or self._new_pool(1)
        try:
            await self._run(pool, worker.ready)
        except BrokenExecutor as error:
            self._end_apart()
            raise ValidatorBusy(
                "the rule workers die before they judge anything: look at the machine"
            ) from error
        try:
            return await self._run(pool, worker.judge, xml, sets)
        except BrokenExecutor as error:
            self._end_apart()
            raise ValidatorBroken(
                "the rule workers died twice over this document; it was not judged"
            ) from error

    def _end_apart(self) -> None:
        pool, self._apart = self._apart, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)

    @staticmethod
    async def _run(pool: ProcessPoolExecutor, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(pool, work, *arguments)

    def _opened(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = self._new_pool(self._workers)
        return self._pool

    def _new_pool(self, workers: int) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(
            workers, context, worker.start, (self._sets, self._longest_seconds)
        )

    def _discard(self, broken: ProcessPoolExecutor) -> None:
        if self._pool is broken:
            self._pool = None
            broken.shutdown(wait=False, cancel_futures=True)
