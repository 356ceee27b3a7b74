"""One attempt, from lease to result. Its three commits are what makes a kill harmless:
leased (nothing sent), sending (outcome unknown from here), settled (with the peer's words)."""

import asyncio
import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Literal

from services.delivery.commands.jobs import Unusable, attempt_of, read_job
from services.delivery.commands.results import Results, Try
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
from services.delivery.domain.schedule import Schedule
from services.delivery.store import work
from services.delivery.store.work import Leased
from shared.clock import Clock
from shared.database import AWAY, Database
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

    @property
    def _results(self) -> Results:
        return Results(self.db, self.schedule, self.clock)

    async def make(self, channel: Channel, leased: Leased) -> Outcome | None:
        """Send or settle what is leased; None when another worker has it by now."""
        kind: Literal["send", "settle"] = "settle" if leased.state == "settling" else "send"
        made = Try(leased, "", attempt_of(leased), kind, self.clock())
        with delivery_span(
            leased.traceparent, leased.channel, str(leased.delivery_id), leased.attempt
        ):
            acting_for(leased.company_id)
            try:
                job = await read_job(self.db, self.box, leased, partial(self._hand_over, leased))
            except AWAY:
                raise
            except Exception as error:  # noqa: BLE001 — else it would be taken up again for ever, unseen
                return await self._results.finish(made, _unusable(error, made))
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
        made = Try(leased, number, attempt_of(leased), kind, self.clock())
        if kind == "settle":
            return await self._results.finish(
                made, Unknown(f"not looked up: {why}", needs_person=True)
            )
        return await self._results.finish(
            made, Failed(f"not sent: {why}", "endpoint.away", ours=True, last=True)
        )

    async def _send(self, channel: Channel, made: Try, job: Job) -> Outcome | None:
        try:
            prepared = made.leased.prepared or await channel.prepare(job)
        except Exception as error:  # noqa: BLE001 — nothing was sent: it counts as a failed attempt
            failpoint("deliver.unprepared")
            return await self._results.finish(made, _unprepared(error, job))
        failpoint("deliver.prepared")
        if not await self._begin(made.leased, prepared):
            return None
        failpoint("deliver.before_send")
        outcome = _storable(await _attempt(channel.send, replace(job, prepared=prepared)))
        failpoint("deliver.after_send")
        return await self._results.finish(made, outcome)

    async def _settle(self, channel: Channel, made: Try, job: Job) -> Outcome:
        failpoint("deliver.before_settle")
        outcome = _storable(await _attempt(channel.settle, job))
        failpoint("deliver.after_settle")
        return await self._results.finish(made, outcome)

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


def _unusable(error: Exception, made: Try) -> Outcome:
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
