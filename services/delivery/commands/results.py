"""The result of an attempt: written down with its event and what it says of the endpoint, in one commit."""

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.delivery import announce
from services.delivery.domain.outcome import Delivered, Failed, Outcome, Unknown
from services.delivery.domain.progress import Progress, after
from services.delivery.domain.schedule import Schedule
from services.delivery.store import breakers, work
from services.delivery.store.work import AttemptRow, Leased
from shared import metrics
from shared.clock import Clock
from shared.database import AWAY, Connection, Database
from shared.failpoints import failpoint

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Try:
    """What is written down about an attempt, or about a look at what became of one."""

    leased: Leased
    number: str
    attempt: int
    kind: Literal["send", "settle"]
    started: datetime


@dataclass(frozen=True)
class Results:
    """Writes down the results of one worker's attempts."""

    db: Database
    schedule: Schedule
    clock: Clock

    async def finish(self, made: Try, outcome: Outcome) -> Outcome:
        """Write down what the peer said. It was said once: an absent database is waited for."""
        ended, delay = self.clock(), 0.1
        while True:
            try:
                return await self._write_down(made, outcome, ended)
            except AWAY as error:
                log.warning("the result of delivery %s waits for the database: %s",
                            made.leased.delivery_id, type(error).__name__)  # fmt: skip
            await asyncio.sleep(delay)
            delay = min(delay * 2, 2.0)

    async def _write_down(self, made: Try, outcome: Outcome, ended: datetime) -> Outcome:
        leased = made.leased
        async with self.db.system_transaction() as conn:
            settles = 0
            if made.kind == "settle":
                settles = 1 + await work.settles(conn, leased.delivery_id, made.attempt)
            progress = after(outcome, leased.channel, made.attempt, settles, self.schedule, ended)
            version = await work.finish(
                conn,
                leased.delivery_id,
                leased.fence,
                made.attempt,
                progress.state,
                progress.next_attempt_at,
                prepare_again=isinstance(outcome, Failed) and outcome.prepare_again,
            )
            if version is None and isinstance(outcome, Delivered):
                version = await work.prove_late(conn, leased.delivery_id)
                await breakers.absolve(conn, leased.endpoint)
            if version is None:
                log.warning("a late result of delivery %s was set aside", leased.delivery_id)
                return outcome
            await work.add_attempt(conn, _row(made, outcome, ended))
            await self._tell(conn, made, outcome, progress, version, ended)
            await self._judge(conn, leased, outcome, progress, ended)
            failpoint("deliver.before_commit")
        failpoint("deliver.after_commit")
        _count(leased, made.kind, outcome, ended)
        return outcome

    async def _judge(
        self, conn: Connection, leased: Leased, outcome: Outcome, progress: Progress, now: datetime
    ) -> None:
        """What the result says of the endpoint. Of a probe an unknown outcome is a failure, and a peer
        that refuses for good answers."""
        blamed = progress.blames_endpoint
        if not blamed and await breakers.probes(conn, leased.endpoint, leased.delivery_id):
            if progress.state == "refused" and isinstance(outcome, Failed) and not outcome.ours:
                await breakers.absolve(conn, leased.endpoint)
            blamed = isinstance(outcome, Unknown)
        if blamed:
            s = self.schedule
            await breakers.blame(
                conn, leased.endpoint, leased.delivery_id, now,
                s.breaker_failures, s.breaker_seconds, s.breaker_longest,
            )  # fmt: skip

    async def _tell(
        self,
        conn: Connection,
        made: Try,
        outcome: Outcome,
        progress: Progress,
        version: int,
        ended: datetime,
    ) -> None:
        leased, number = made.leased, made.number
        if isinstance(outcome, Delivered):
            await announce.succeeded(
                conn,
                leased,
                number,
                outcome,
                attempt=made.attempt,
                version=version,
                started_at=made.started,
                ended_at=ended,
            )
            return
        await announce.attempted(
            conn,
            leased,
            number,
            "unknown" if isinstance(outcome, Unknown) else "failed",
            outcome.words,
            attempt=made.attempt,
            version=version,
            started_at=made.started,
            ended_at=ended,
            next_attempt_at=progress.next_attempt_at,
        )
        if progress.state in ("exhausted", "refused", "undecided"):
            await announce.failed(
                conn,
                leased,
                number,
                progress.state,
                outcome.words,
                attempt=made.attempt,
                version=version,
            )


def _count(leased: Leased, kind: str, outcome: Outcome, ended: datetime) -> None:
    told = {"channel": leased.channel, "kind": kind, "outcome": type(outcome).__name__.lower()}
    metrics.attempts.add(1, told)
    if isinstance(outcome, Delivered):
        taken = (ended - leased.created_at).total_seconds()
        metrics.delivery_time.record(taken, {"channel": leased.channel})


def _row(made: Try, outcome: Outcome, ended: datetime) -> AttemptRow:
    proof = dict(outcome.proof) if isinstance(outcome, Delivered) else {}
    evidence = outcome.evidence if isinstance(outcome, Delivered) else None
    code = outcome.code if isinstance(outcome, Failed) else ""
    name = type(outcome).__name__.lower()
    return AttemptRow(
        made.leased.delivery_id,
        made.attempt,
        0,
        made.leased.company_id,
        made.kind,
        made.started,
        ended,
        name,
        code,
        outcome.words,
        proof,
        evidence or None,
    )
