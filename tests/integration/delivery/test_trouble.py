"""Trouble on our own side, and outcomes that nobody can tell: nothing is stuck, nothing goes twice."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from deploy.cli import health
from deploy.local.process import free_port
from services.delivery import pulse
from services.delivery.domain.outcome import ChannelName
from services.delivery.pulse import Pulse
from services.delivery.store import work
from services.delivery.workers import run_worker
from shared.clock import system_clock
from tests.integration.alone import started
from tests.integration.delivery.conftest import Delivering
from tests.services import eventually, master_key


def failing(step: Callable[..., Any], *errors: Exception) -> Callable[..., Any]:
    """The step, after it has failed with each of these."""
    left = list(errors)

    async def tried(*arguments: Any) -> Any:
        if left:
            raise left.pop(0)
        return await step(*arguments)

    return tried


@pytest.mark.parametrize("step", ["lease", "reclaim"])
async def test_no_error_of_the_database_ends_a_worker_s_loop(
    delivering: Delivering, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    errors = asyncpg.DeadlockDetectedError(), asyncpg.QueryCanceledError(), LookupError("?")
    await delivering.issue(await delivering.customer("sftp"))
    async with delivering.db.system_transaction() as conn:
        now = system_clock()
        (dead,) = await work.lease(conn, ["sftp"], now, now - timedelta(seconds=1), 1)
    monkeypatch.setattr(work, step, failing(getattr(work, step), *errors))
    async with delivering.worker("sftp"):
        (row,) = await delivering.over()
    assert (row["delivery_id"], row["state"]) == (dead.delivery_id, "delivered")


async def test_a_worker_one_of_whose_loops_hangs_is_not_well(
    delivering: Delivering, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def hang(*_: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setenv("FACTEUR_HEALTH_FILE", str(tmp_path / "health"))
    monkeypatch.setattr(health, "SIGN_SECONDS", 0.05)
    monkeypatch.setattr(pulse, "SILENT_SECONDS", 2.0)
    felt = Pulse()
    tasks = [
        asyncio.create_task(health.keep_signing(felt.problem)),
        asyncio.create_task(run_worker(delivering.settings, ["sftp"], felt)),
    ]

    async def says_so() -> bool:
        return "leases: silent for" in health._problem(tmp_path / "health")

    try:
        await delivering.issue(await delivering.customer("sftp"))
        await delivering.over()
        assert not health._problem(tmp_path / "health")
        monkeypatch.setattr(work, "reclaim", hang)
        await eventually(says_so)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_kill_where_nothing_could_be_prepared_leaves_a_delivery_that_is_due(
    delivering: Delivering,
) -> None:
    """The buyer can't be looked up, and the worker dies while it is about to say so."""
    assert delivering.settings.peppol is not None
    nowhere = delivering.settings.peppol.model_copy(update={"sml_port": free_port()})
    await delivering.issue(await delivering.customer("peppol"))
    async with started(
        "delivery", delivering.database, None, "--channels", "peppol",
        **{**delivering.environment, "DELIVERY_PEPPOL": nowhere.model_dump_json()},
        FACTEUR_FAILPOINT="deliver.unprepared",
    ) as process:  # fmt: skip
        assert await process.ended() == -9
    async with delivering.worker("peppol"):
        (row,) = await delivering.over()
    assert (row["state"], delivering.copies(row)) == ("delivered", 1)
    assert [a["kind"] for a in await delivering.attempts(row["delivery_id"])] == ["send"]


async def test_what_stays_unknown_is_a_person_s_at_the_end_of_the_schedule(
    delivering: Delivering,
) -> None:
    peer = delivering.network.peer.behaviour
    peer.answer = "nothing"
    await delivering.issue(await delivering.customer("peppol"))
    async with delivering.worker("peppol"):
        (row,) = await delivering.over()
        assert row["state"] == "undecided"
        made = await delivering.attempts(row["delivery_id"])
        assert [a["kind"] for a in made] == ["send", "settle", "settle", "settle"]
        waits = [(b["started_at"] - a["ended_at"]).total_seconds() for a, b in pairwise(made)]
        assert all(w >= least for w, least in zip(waits, (0.2, 0.5, 1.0), strict=True)), waits
        assert all(w < most for w, most in zip(waits, (1.2, 1.5, 2.2), strict=True)), waits
        assert [e["reason"] for e in await delivering.told("delivery.failed")] == ["undecided"]
        peer.answer = ""
        await delivering.resend(row["delivery_id"])
        _, again = await delivering.over()
    assert again["state"] == "delivered"


FILES: list[ChannelName] = ["sftp", "ftps"]


@pytest.mark.parametrize("channel", FILES)
async def test_a_file_that_is_fetched_at_once_is_delivered_and_goes_once(
    delivering: Delivering, channel: ChannelName
) -> None:
    delivering.drop.behaviour.fetches = True
    await delivering.issue(await delivering.customer(channel))
    async with delivering.worker(channel):
        (row,) = await delivering.over()
    assert (row["state"], row["attempt"]) == ("delivered", 1)
    assert delivering.copies(row) == 1


@pytest.mark.parametrize("channel", FILES)
async def test_a_file_that_may_have_been_fetched_is_not_sent_again(
    delivering: Delivering, channel: ChannelName
) -> None:
    """The answer to the rename is lost, and the buyer's own job has taken the file away."""
    behaviour = delivering.drop.behaviour
    behaviour.fetches, behaviour.cut, behaviour.times = True, "renamed", 1
    await delivering.issue(await delivering.customer(channel))
    async with delivering.worker(channel):
        (row,) = await delivering.over()
        assert (row["state"], row["attempt"]) == ("undecided", 1)
        assert delivering.copies(row) == 1
        made = await delivering.attempts(row["delivery_id"])
        assert "may have been fetched already" in made[-1]["words"]


async def test_a_delivery_whose_password_cannot_be_opened_is_listed_with_the_reason(
    delivering: Delivering, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    await delivering.issue(await delivering.customer("sftp"))
    async with delivering.worker("sftp", master_key_file=master_key(tmp_path / "other")):
        (row,) = await delivering.over()
    assert row["state"] == "exhausted"
    made = await delivering.attempts(row["delivery_id"])
    assert len(made) == 4
    assert {a["outcome"] for a in made} == {"failed"}
    assert "DELIVERY_MASTER_KEY_FILE" in made[0]["words"]
    assert not await delivering.db.pool.fetchval("SELECT count(*) FROM endpoint"), "not their fault"
