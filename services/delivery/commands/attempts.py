"""One attempt, from lease to result. Its three commits are what makes a kill harmless:
leased (nothing sent), sending (outcome unknown from here), settled (with the peer's words)."""

import asyncio
import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from services.delivery import announce
from services.delivery.domain.outcome import (
    Attachment,
    Channel,
    Delivered,
    Failed,
    Job,
    Outcome,
    Refused,
    Unknown,
)
from services.delivery.domain.progress import Progress, after
from services.delivery.domain.schedule import Schedule
from services.delivery.store import work
from services.delivery.store.work import AttemptRow, Leased
from shared import metrics
from shared.clock import Clock
from shared.database import TRANSIENT, UNAVAILABLE, Connection, Database
from shared.failpoints import failpoint
from shared.logs import acting_for
from shared.secretbox import SecretBox
from shared.telemetry import delivery_span

log = logging.getLogger(__name__)


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
        job = await self._job(leased)
        with delivery_span(
            leased.traceparent, leased.channel, str(leased.delivery_id), leased.attempt
        ):
            acting_for(leased.company_id)
            if leased.state == "settling":
                return await self._settle(channel, leased, job)
            return await self._send(channel, leased, job)

    async def _send(self, channel: Channel, leased: Leased, job: Job) -> Outcome | None:
        started = self.clock()
        outcome: Outcome
        try:
            prepared = leased.prepared or await channel.prepare(job)
        except Exception as error:  # noqa: BLE001 — nothing was sent: it counts as a failed attempt
            if not await self._begin(leased, None):
                return None
            return await self._finish(leased, job, "send", _unprepared(error, job), started)
        failpoint("deliver.prepared")
        if not await self._begin(leased, prepared):
            return None
        failpoint("deliver.before_send")
        outcome = _storable(await _attempt(channel.send, replace(job, prepared=prepared)))
        failpoint("deliver.after_send")
        return await self._finish(leased, job, "send", outcome, started)

    async def _settle(self, channel: Channel, leased: Leased, job: Job) -> Outcome:
        started = self.clock()
        failpoint("deliver.before_settle")
        outcome = _storable(await _attempt(channel.settle, job))
        return await self._finish(leased, job, "settle", outcome, started)

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
            except UNAVAILABLE:
                if not again:
                    raise
                await asyncio.sleep(0.2)
        return False

    async def _finish(
        self,
        leased: Leased,
        job: Job,
        kind: Literal["send", "settle"],
        outcome: Outcome,
        started: datetime,
    ) -> Outcome:
        """Write down what the peer said. It was said once: an absent database is waited for."""
        ended, delay = self.clock(), 0.1
        while True:
            try:
                return await self._write_down(leased, job, kind, outcome, started, ended)
            except (*UNAVAILABLE, *TRANSIENT) as error:
                log.warning("the result of delivery %s waits for the database: %s",
                            leased.delivery_id, type(error).__name__)  # fmt: skip
            await asyncio.sleep(delay)
            delay = min(delay * 2, 2.0)

    async def _write_down(
        self,
        leased: Leased,
        job: Job,
        kind: Literal["send", "settle"],
        outcome: Outcome,
        started: datetime,
        ended: datetime,
    ) -> Outcome:
        attempt = job.attempt
        async with self.db.system_transaction() as conn:
            settles = 0
            if kind == "settle":
                settles = 1 + await work.steps(conn, leased.delivery_id, attempt)
            progress = after(outcome, leased.channel, attempt, settles, self.schedule, ended)
            version = await work.finish(
                conn, leased.delivery_id, leased.fence, progress.state, progress.next_attempt_at,
                prepare_again=isinstance(outcome, Failed) and outcome.prepare_again,
            )  # fmt: skip
            if version is None and isinstance(outcome, Delivered):
                version = await work.prove_late(conn, leased.delivery_id)
                await work.absolve(conn, leased.endpoint)
            if version is None:
                log.warning("a late result of delivery %s was set aside", leased.delivery_id)
                return outcome
            await work.add_attempt(conn, _row(leased, attempt, kind, outcome, started, ended))
            await self._tell(conn, leased, job, outcome, progress, version, started, ended)
            await self._judge(conn, leased, progress)
            failpoint("deliver.before_commit")
        failpoint("deliver.after_commit")
        _count(leased, kind, outcome, ended)
        return outcome

    async def _judge(self, conn: Connection, leased: Leased, progress: Progress) -> None:
        if progress.blames_endpoint:
            until = self.clock() + timedelta(seconds=self.schedule.breaker_seconds)
            await work.blame(conn, leased.endpoint, self.schedule.breaker_failures, until)

    async def _tell(
        self,
        conn: Connection,
        leased: Leased,
        job: Job,
        outcome: Outcome,
        progress: Progress,
        version: int,
        started: datetime,
        ended: datetime,
    ) -> None:
        if isinstance(outcome, Delivered):
            await announce.succeeded(
                conn,
                leased,
                job.number,
                outcome,
                attempt=job.attempt,
                version=version,
                started_at=started,
                ended_at=ended,
            )
            return
        await announce.attempted(
            conn,
            leased,
            job.number,
            "unknown" if isinstance(outcome, Unknown) else "failed",
            outcome.words,
            attempt=job.attempt,
            version=version,
            started_at=started,
            ended_at=ended,
            next_attempt_at=progress.next_attempt_at,
        )
        if progress.state in ("exhausted", "refused", "undecided"):
            await announce.failed(
                conn,
                leased,
                job.number,
                progress.state,
                outcome.words,
                attempt=job.attempt,
                version=version,
            )

    async def _job(self, leased: Leased) -> Job:
        async with self.db.system_statement() as conn:
            facts, documents = await work.material(conn, leased.invoice_id)
        sending = leased.state == "leased"
        return Job(
            delivery_id=leased.delivery_id,
            invoice_id=leased.invoice_id,
            company_id=leased.company_id,
            attempt=leased.attempt + 1 if sending else leased.attempt,
            number=facts["number"],
            document_kind=facts["document_kind"],
            seller_name=facts["seller_name"],
            buyer_name=facts["buyer_name"],
            language=facts["language"],
            amount_due=facts["amount_due"],
            currency=facts["currency"],
            due_date=facts["due_date"],
            route=leased.route,
            secrets=self._secrets(leased),
            original=_attachment(documents["original"]),
            readable=_attachment(documents["readable"]) if "readable" in documents else None,
            prepared=leased.prepared,
        )

    def _secrets(self, leased: Leased) -> dict[str, str]:
        if leased.secrets is None or leased.secrets_row is None:
            return {}
        return {"password": self.box.open(leased.secrets, leased.secrets_row).decode()}


def _count(leased: Leased, kind: str, outcome: Outcome, ended: datetime) -> None:
    told = {"channel": leased.channel, "kind": kind, "outcome": type(outcome).__name__.lower()}
    metrics.attempts.add(1, told)
    if isinstance(outcome, Delivered):
        taken = (ended - leased.created_at).total_seconds()
        metrics.delivery_time.record(taken, {"channel": leased.channel})


def _unprepared(error: Exception, job: Job) -> Failed:
    if isinstance(error, Refused):
        return Failed(error.words, error.code, retryable=error.retryable)
    log.error("delivery %s can't be prepared", job.delivery_id, exc_info=error)
    return Failed(f"internal error: {type(error).__name__}", "internal")


async def _attempt(step, job: Job) -> Outcome:  # type: ignore[no-untyped-def]
    """A channel never raises for what a peer does; a mistake of ours must not repeat a document."""
    try:
        found: Outcome = await step(job)
    except Exception as error:
        log.exception("channel failed unexpectedly on delivery %s", job.delivery_id)
        return Unknown(f"internal error: {type(error).__name__}")
    return found


def _storable(outcome: Outcome) -> Outcome:
    """PostgreSQL takes no NUL in a text, and a peer may say anything."""
    words = outcome.words.replace("\0", "\ufffd")
    if isinstance(outcome, Delivered):
        proof = {name: value.replace("\0", "\ufffd") for name, value in outcome.proof.items()}
        return replace(outcome, words=words, proof=proof)
    return replace(outcome, words=words)


def _attachment(document: dict[str, object]) -> Attachment:
    return Attachment(
        name=str(document["name"]),
        media_type=str(document["media_type"]),
        content=bytes(document["content"]),  # type: ignore[call-overload]
        sha256=str(document["sha256"]),
    )


def _row(
    leased: Leased,
    attempt: int,
    kind: str,
    outcome: Outcome,
    started: datetime,
    ended: datetime,
) -> AttemptRow:
    proof = dict(outcome.proof) if isinstance(outcome, Delivered) else {}
    evidence = outcome.evidence if isinstance(outcome, Delivered) else None
    code = outcome.code if isinstance(outcome, Failed) else ""
    name = type(outcome).__name__.lower()
    return AttemptRow(
        leased.delivery_id,
        attempt,
        0,
        leased.company_id,
        kind,
        started,
        ended,
        name,
        code,
        outcome.words,
        proof,
        evidence or None,
    )
