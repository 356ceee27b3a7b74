"""Workers on real peers: schedules, unknown outcomes, kills, late workers, sharing, outages."""

import asyncio
import signal
import statistics
from itertools import pairwise
from typing import Any

import pytest

from deploy.local.peers import filedrop
from services.delivery.domain.outcome import ChannelName
from services.delivery.store import work
from shared.problems import Conflict
from tests.integration.alone import started
from tests.integration.delivery.conftest import PARTICIPANT, Delivering
from tests.services import eventually


async def test_retries_follow_the_schedule_then_it_is_listed_and_resent_by_hand(
    delivering: Delivering,
) -> None:
    delivering.drop.behaviour.refuse = "write"
    await delivering.issue(await delivering.customer("sftp"))
    async with delivering.worker("sftp"):
        (row,) = await delivering.over()
        assert row["state"] == "exhausted"
        made = await delivering.attempts(row["delivery_id"])
        waits = [(b["started_at"] - a["ended_at"]).total_seconds() for a, b in pairwise(made)]
        assert len(made) == 4
        assert all(w >= least for w, least in zip(waits, (0.2, 0.5, 1.0), strict=True)), waits
        assert all(w < most for w, most in zip(waits, (1.2, 1.5, 2.2), strict=True)), waits
        assert [e["reason"] for e in await delivering.told("delivery.failed")] == ["exhausted"]
        delivering.drop.behaviour.refuse = ""
        new = await delivering.resend(row["delivery_id"])
        with pytest.raises(Conflict):
            await delivering.resend(row["delivery_id"])
        old, fresh = await delivering.over()
    assert (old["state"], fresh["state"]) == ("exhausted", "delivered")
    assert (fresh["delivery_id"], fresh["resend_of"]) == (new, row["delivery_id"])
    assert [delivering.copies(d) for d in (old, fresh)] == [0, 1]


UNKNOWN: list[tuple[ChannelName, dict[str, Any]]] = [
    ("sftp", {"cut": "written"}),
    ("sftp", {"cut": "renamed"}),
    ("ftps", {"cut": "written"}),
    ("ftps", {"cut": "renamed"}),
    ("peppol", {"answer": "drop"}),
    ("peppol", {"answer": "nothing"}),
    ("peppol", {"answer": "wrong"}),
    ("peppol", {"answer": "error"}),
]


@pytest.mark.parametrize(("channel", "switch"), UNKNOWN)
async def test_an_unknown_outcome_is_settled_and_the_peer_has_one_copy(
    delivering: Delivering, channel: ChannelName, switch: dict[str, Any]
) -> None:
    behaviour: Any = (
        delivering.network.peer.behaviour if channel == "peppol" else delivering.drop.behaviour
    )
    for name, value in {**switch, "times": 1}.items():
        setattr(behaviour, name, value)
    await delivering.issue(await delivering.customer(channel))
    async with delivering.worker(channel):
        (row,) = await delivering.over()
    assert row["state"] == "delivered"
    assert delivering.copies(row) == 1
    made = await delivering.attempts(row["delivery_id"])
    first, last = made[0], made[-1]
    assert first["outcome"] in ("unknown", "failed")
    assert first["words"]
    assert last["outcome"] == "delivered"
    if first["outcome"] == "unknown":
        assert made[1]["kind"] == "settle", "an unknown outcome was blindly repeated"
        assert (await delivering.told("delivery.attempted"))[0]["outcome"] == "unknown"
    assert len(await delivering.told("delivery.succeeded")) == 1


@pytest.mark.parametrize(
    ("files", "place", "cut"),
    [
        ("sftp", "deliver.prepared", ""),
        ("sftp", "deliver.before_send", ""),
        ("sftp", "deliver.after_send", ""),
        ("sftp", "deliver.before_commit", ""),
        ("sftp", "deliver.after_commit", ""),
        ("sftp", "deliver.handed_over", ""),
        ("sftp", "deliver.before_settle", "renamed"),
        ("sftp", "deliver.after_settle", "renamed"),
        ("ftps", "deliver.before_send", ""),
        ("ftps", "deliver.handed_over", ""),
        ("ftps", "deliver.after_send", ""),
        ("ftps", "deliver.before_settle", "renamed"),
    ],
)
async def test_a_kill_at_any_step_leaves_exactly_one_document_at_each_peer(
    delivering: Delivering, files: ChannelName, place: str, cut: str
) -> None:
    if cut:
        delivering.drop.behaviour.cut, delivering.drop.behaviour.times = cut, 1
    await delivering.issue(await delivering.customer(files, "peppol"))
    async with started(
        "delivery", delivering.database, None, "--channels", f"{files},peppol",
        **delivering.environment, FACTEUR_FAILPOINT=place,
    ) as process:  # fmt: skip
        assert await process.ended() == -9
    async with delivering.worker(files, "peppol"):
        rows = await delivering.over()
    assert {row["state"] for row in rows} == {"delivered"}
    assert [delivering.copies(row) for row in rows] == [1, 1]
    assert len(await delivering.told("delivery.succeeded")) == 2


async def test_a_peer_that_moved_is_found_within_the_schedule(delivering: Delivering) -> None:
    """The stored message was for its old address; made anew, it keeps its ids."""
    theirs = delivering.pki.access_point("PFR000002").certificate
    delivering.network.register(PARTICIPANT, "http://127.0.0.1:9/as4", theirs)
    await delivering.issue(await delivering.customer("peppol"))
    async with delivering.worker("peppol"):

        async def failed_once() -> bool:
            (row,) = await delivering.deliveries()
            return bool(row["attempt"] == 1 and row["state"] == "due")

        await eventually(failed_once)
        delivering.network.register(PARTICIPANT, f"{delivering.network.peer.url}/as4", theirs)
        (row,) = await delivering.over()
    assert row["state"] == "delivered"
    assert delivering.copies(row) == 1
    made = await delivering.attempts(row["delivery_id"])
    assert [m["outcome"] for m in made][-2:] == ["failed", "delivered"]
    assert "another endpoint" in made[-2]["words"]


async def test_a_late_worker_changes_nothing(delivering: Delivering) -> None:
    """Stopped while the peer answers, overtaken, woken again: its result is set aside."""
    delivering.drop.behaviour.delay_seconds = 1.0
    await delivering.issue(await delivering.customer("sftp"))
    async with started(
        "delivery", delivering.database, None, "--channels", "sftp", **delivering.environment
    ) as late:

        async def sending() -> bool:
            return bool((await delivering.deliveries())[0]["state"] == "sending")

        await eventually(sending)
        late.process.send_signal(signal.SIGSTOP)
        delivering.drop.behaviour.delay_seconds = 0
        async with delivering.worker("sftp"):
            (row,) = await delivering.over()
        late.process.send_signal(signal.SIGCONT)
        late.process.terminate()
        assert await late.ended() == 0
    (after,) = await delivering.deliveries()
    assert after == row
    assert row["state"] == "delivered"
    assert delivering.copies(row) == 1
    assert len(await delivering.told("delivery.succeeded")) == 1


async def test_what_could_not_begin_while_the_database_was_away_needn_t_wait_for_its_lease(
    delivering: Delivering, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, away = work.begin, 3

    async def begin_when_there(*arguments: Any) -> bool:
        nonlocal away
        away -= 1
        if away >= 0:
            raise ConnectionResetError
        return await begin(*arguments)

    monkeypatch.setattr(work, "begin", begin_when_there)
    await delivering.issue(await delivering.customer("sftp"))
    async with delivering.worker("sftp", lease_seconds=120.0):
        (row,) = await delivering.over(20)
    assert row["state"] == "delivered"
    assert delivering.copies(row) == 1
    assert len(await delivering.attempts(row["delivery_id"])) == 1


async def test_four_workers_share_the_work_and_send_nothing_twice(delivering: Delivering) -> None:
    await delivering.issue(await delivering.customer("sftp", "peppol"), 25)
    async with delivering.worker("sftp", "peppol", count=4, in_flight=4):
        rows = await delivering.over(60)
    assert len(rows) == 50
    assert {(row["state"], row["attempt"]) for row in rows} == {("delivered", 1)}
    assert {delivering.copies(row) for row in rows} == {1}
    assert not delivering.network.peer.store.repeats
    assert len(await delivering.told("delivery.succeeded")) == 50


async def test_a_peer_that_is_down_loses_nothing_and_slows_no_other(delivering: Delivering) -> None:
    peppol, sftp = await delivering.customer("peppol"), await delivering.customer("sftp")
    async with delivering.worker("sftp", "peppol", in_flight=8):
        await delivering.issue(peppol, 3)
        await delivering.over()
        before = await _latencies(delivering, peppol)
        await delivering.drop.close_servers()
        await delivering.issue(sftp, 40)
        during = await _latencies(delivering, peppol)
        waiting = [d for d in await delivering.deliveries() if d["channel"] == "sftp"]
        assert not any(d["state"] == "delivered" for d in waiting)
        assert statistics.median(during) < 2 * statistics.median(before) + 0.2, (before, during)
        back = filedrop.Filedrop(
            filedrop.Options(
                **{**vars(delivering.drop.options), "sftp_port": delivering.drop.ports["sftp"]}
            )
        )
        await back.start()
        rows = await delivering.over(30)
    await back.close()
    delivered = [r for r in rows if r["channel"] == "sftp" and r["state"] == "delivered"]
    assert len({r["invoice_id"] for r in delivered}) == len(delivered) == 40, "nobody resends"
    assert [delivering.copies(r) for r in delivered] == [1] * 40


async def _latencies(delivering: Delivering, customer: Any, count: int = 10) -> list[float]:
    """Seconds from the plan to the proof, one after the other."""
    found = []
    for _ in range(count):
        (invoice,) = await delivering.issue(customer, rendered=False)
        started_at = asyncio.get_running_loop().time()

        async def proved(invoice: Any = invoice) -> bool:
            rows = await delivering.deliveries()
            return any(r["invoice_id"] == invoice and r["state"] == "delivered" for r in rows)

        await eventually(proved, step=0.01)
        found.append(asyncio.get_running_loop().time() - started_at)
    return found
