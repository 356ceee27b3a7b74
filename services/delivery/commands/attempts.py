"""One attempt, from lease to result. Its three commits are what makes a kill harmless:
leased (nothing sent), sending (outcome unknown from here), settled (with the peer's words)."""

import asyncio
import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

from services.delivery import announce
from services.delivery.commands.jobs import Unusable, attempt_of, read_job
from services.delivery.domain.outcome import (
    Channel,
    Delivered,
    Failed,
    Job,
    NotTaken,
    Outcome,
    Refused,
    Unknown,
)
from services.delivery.domain.progress import Progress, after
from services.delivery.domain.schedule import Schedule
from services.delivery.store import breakers, work
from services.delivery.store.work import AttemptRow, Leased
from shared import metrics
from shared.clock import Clock
from shared.database import AWAY, Connection, Database
from shared.failpoints import failpoint
from shared.logs import acting_for
from shared.secretbox import SecretBox
from shared.telemetry import delivery_span

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Try:
    """What is written down about an attempt, or about a look at what became of one."""

    leased: Leased
    number: str
    attempt: int
    kind: Literal["send", "settle"]
    started: datetime


@dataclass(frozen=True)
class Attempts:
    """Makes attempts for one worker."""

    db: Database
    box: SecretBox
    schedule: Schedule
    clock: Clock
    lease: timedelta

    async def make(self, channel: Channel, leased: Leased) -> Outcome | None:
        """Send or settle what is leased; None when another worker has it by now."""
        kind: Literal["send", "settle"] = "settle" if leased.state == "settling" else "send"
        made = _Try(leased, "", attempt_of(leased), kind, self.clock())
        with delivery_span(
            leased.traceparent, leased.channel, str(leased.delivery_id), leased.attempt
        ):
            acting_for(leased.company_id)
            try:
                job = await read_job(self.db, self.box, leased, partial(self._hand_over, leased))
            except AWAY:
                raise
            except Exception as error:  # noqa: BLE001 — else it would be taken up again for ever, unseen
                return await self._finish(made, _unusable(error, made))
            made = replace(made, number=job.number)
            if kind == "settle":
                return await self._settle(channel, made, job)
            return await self._send(channel, made, job)

    async def give_up(self, leased: Leased, why: str) -> Outcome:
        """End a delivery that is leased without an attempt: listed, and a person decides."""
        kind: Literal["send", "settle"] = "settle" if leased.state == "settling" else "send"
        async with self.db.system_statement() as conn:
            found = await work.material(conn, leased.invoice_id)
        number = str(found[0]["number"]) if found else ""
        made = _Try(leased, number, attempt_of(leased), kind, self.clock())
        if kind == "settle":
            return await self._finish(made, Unknown(f"not looked up: {why}", needs_person=True))
        return await self._finish(
            made, Failed(f"not sent: {why}", "endpoint.away", ours=True, last=True)
        )

    async def _send(self, channel: Channel, made: _Try, job: Job) -> Outcome | None:
        try:
            prepared = made.leased.prepared or await channel.prepare(job)
        except Exception as error:  # noqa: BLE001 — nothing was sent: it counts as a failed attempt
            failpoint("deliver.unprepared")
            return await self._finish(made, _unprepared(error, job))
        failpoint("deliver.prepared")
        if not await self._begin(made.leased, prepared):
            return None
        failpoint("deliver.before_send")
        outcome = _storable(await _attempt(channel.send, replace(job, prepared=prepared)))
        failpoint("deliver.after_send")
        return await self._finish(made, outcome)

    async def _settle(self, channel: Channel, made: _Try, job: Job) -> Outcome:
        failpoint("deliver.before_settle")
        outcome = _storable(await _attempt(channel.settle, job))
        failpoint("deliver.after_settle")
        return await self._finish(made, outcome)

    async def _begin(self, leased: Leased, prepared: bytes | None) -> bool:
        """Nothing was sent yet: where the database is away this gives up, or asks again where the
        answer alone was lost."""
        for again in (True, False):
            try:
                async with self.db.system_statement() as conn:
                    return await work.begin(
                        conn,
                        leased.delivery_id,
                        leased.fence,
                        leased.attempt + 1,
                        prepared,
                        self.clock() + self.lease,
                    )
            except AWAY:
                if not again:
                    raise
                await asyncio.sleep(0.2)
        return False

    async def _hand_over(self, leased: Leased) -> None:
        """The last step is about to be taken: a worker that comes after this one must know."""
        try:
            async with self.db.system_statement() as conn:
                held = await work.hand_over(conn, leased.delivery_id, leased.fence)
        except AWAY as error:
            raise NotTaken(
                "our own database was away just before the last step, which wasn't taken"
            ) from error
        if not held:
            raise NotTaken("another worker has this delivery by now")
        failpoint("deliver.handed_over")

    async def _finish(self, made: _Try, outcome: Outcome) -> Outcome:
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

    async def _write_down(self, made: _Try, outcome: Outcome, ended: datetime) -> Outcome:
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
        made: _Try,
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


def _unusable(error: Exception, made: _Try) -> Outcome:
    """What can't be read can't be sent, nor can it be told what became of it."""
    log.error("delivery %s can't be read", made.leased.delivery_id, exc_info=error)
    known = isinstance(error, Unusable)
    words = f"not sent: {error}" if known else f"internal error: {type(error).__name__}"
    if made.kind == "settle":
        return Unknown(f"what became of it can't be looked up, {words}")
    return Failed(words, "internal", ours=True)


def _unprepared(error: Exception, job: Job) -> Failed:
    if isinstance(error, Refused):
        return Failed(error.words, error.code, retryable=error.retryable)
    log.error("delivery %s can't be prepared", job.delivery_id, exc_info=error)
    return Failed(f"internal error: {type(error).__name__}", "internal", ours=True)


async def _attempt(step, job: Job) -> Outcome:  # type: ignore[no-untyped-def]
    """A channel never raises for what a peer does; a mistake of ours must not repeat a document."""
    try:
        found: Outcome = await step(job)
    except NotTaken as error:
        return Failed(str(error), "internal", ours=True)
    except Exception as error:
        log.exception("channel failed unexpectedly on delivery %s", job.delivery_id)
        return Unknown(f"internal error: {type(error).__name__}")
    return found


def _storable(outcome: Outcome) -> Outcome:
    """PostgreSQL takes neither a NUL nor half a character in a text, and a peer may say anything."""
    words = _text(outcome.words)
    if isinstance(outcome, Delivered):
        proof = {name: _text(value) for name, value in outcome.proof.items()}
        return replace(outcome, words=words, proof=proof)
    return replace(outcome, words=words)


def _text(value: str) -> str:
    return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def _row(made: _Try, outcome: Outcome, ended: datetime) -> AttemptRow:
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
