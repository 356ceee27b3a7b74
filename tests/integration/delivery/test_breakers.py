"""Circuit breakers: what waits behind an open one costs others nothing, and one delivery tries the peer."""

import asyncio
import time
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from deploy.local.peers import filedrop
from services.delivery.commands.attempts import Attempts
from services.delivery.commands.breakers import mind
from services.delivery.commands.resend import cancel
from services.delivery.domain.schedule import load_schedule
from services.delivery.store import breakers, work
from services.delivery.views import Wanted, find_deliveries
from shared.clock import system_clock
from shared.database import connect
from shared.events import Actor
from shared.secretbox import load_box
from tests.integration.delivery.conftest import Delivering
from tests.services import eventually

RETRIES = """
[waits]
email = [0.2]
sftp = [0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2]
ftps = [0.2]
peppol = [3600, 3600]
[settle]
waits = [600]
[breaker]
failures = 3
seconds = 1
longest = 3
"""
DEAD = "peppol:0208:0000000000"
ME = Actor(kind="system", id="test")


@pytest.fixture
def schedule(delivering: Delivering, tmp_path: Path) -> Path:
    path = tmp_path / "retries.toml"
    path.write_text(RETRIES)
    delivering.settings = delivering.settings.model_copy(update={"retries_file": path})
    return path


@pytest.fixture
def attempts(delivering: Delivering, schedule: Path) -> Attempts:
    box = load_box(delivering.settings.master_key_file)
    return Attempts(delivering.db, box, load_schedule(schedule), system_clock, timedelta(minutes=2))


async def test_one_delivery_at_a_time_tries_a_peer_that_is_down_and_all_arrive_afterwards(
    delivering: Delivering, schedule: Path
) -> None:
    count = 30
    await delivering.drop.close_servers()
    await delivering.issue(await delivering.customer("sftp"), count)
    async with delivering.worker("sftp", count=2, in_flight=4):

        async def tried_again() -> bool:
            return len(await _tries(delivering)) >= 4 and not await _under_way(delivering)

        await eventually(tried_again, 60)
        shown, _ = await find_deliveries(delivering.db, delivering.company, Wanted())
        assert sum(delivery["parked"] for delivery in shown) >= count - 12
        back = filedrop.Filedrop(
            filedrop.Options(
                **{**vars(delivering.drop.options), "sftp_port": delivering.drop.ports["sftp"]}
            )
        )
        await back.start()
        rows = await delivering.over(60)
    await back.close()
    shown, _ = await find_deliveries(delivering.db, delivering.company, Wanted())
    assert not any(delivery["parked"] for delivery in shown)
    assert {row["state"] for row in rows} == {"delivered"}
    assert {delivering.copies(row) for row in rows} == {1}
    assert await delivering.told("delivery.failed") == []
    parked = await delivering.told("delivery.parked")
    released = await delivering.told("delivery.released")
    assert Counter(e["delivery_id"] for e in parked) == Counter(e["delivery_id"] for e in released)
    assert len({e["number"] for e in parked}) > count - 12, "each by its document's number"
    tries = await _tries(delivering)
    gaps = [(b - a).total_seconds() for a, b in pairwise(tries)]
    assert all(gap >= 0.9 for gap in gaps), f"more than one at a time: {gaps}"
    assert max(gaps[2:]) >= 1.9, f"not left alone for longer: {gaps}"
    assert await _endpoints(delivering) == []


async def _tries(delivering: Delivering) -> list[Any]:
    """When attempts on the dead peer began, from the one after the breaker opened."""
    async with delivering.db.system_transaction() as conn:
        rows = await conn.fetch(
            "SELECT started_at FROM attempt WHERE outcome = 'failed' ORDER BY started_at"
        )
    began = [row["started_at"] for row in rows]
    opened = began[2] if len(began) > 2 else None
    # what was under way when it opened ends as it may
    return [at for at in began if opened is not None and at > opened + timedelta(seconds=0.9)]


async def _under_way(delivering: Delivering) -> bool:
    return any(r["state"] in ("leased", "sending") for r in await delivering.deliveries())


async def _endpoints(delivering: Delivering) -> list[dict[str, Any]]:
    async with delivering.db.system_transaction() as conn:
        rows = await conn.fetch("SELECT * FROM endpoint ORDER BY endpoint")
    return [dict(row) for row in rows]


async def _behind(
    delivering: Delivering, count: int, state: str = "due", endpoint: str = DEAD
) -> None:
    """So many deliveries are due at a peer; older than any other."""
    async with delivering.db.system_transaction() as conn:
        await conn.execute(
            "INSERT INTO delivery (delivery_id, invoice_id, company_id, channel, target, endpoint, route, "
            "state, next_attempt_at, cause, created_at, version) SELECT gen_random_uuid(), "
            "gen_random_uuid(), $3, 'peppol', 't', $2, '{}', $4, now() - n * interval '1 ms' - "
            "interval '1 hour', gen_random_uuid(), now(), 1 FROM generate_series(1, $1::int) AS n",
            count,
            endpoint,
            delivering.company,
            state,
        )


async def _opened(delivering: Delivering, seconds: float, endpoint: str = DEAD) -> None:
    """Its breaker opened, or reopened, for so long; a negative number: so long ago."""
    async with delivering.db.system_transaction() as conn:
        await conn.execute(
            "INSERT INTO endpoint (endpoint, failures, openings, open_until) "
            "VALUES ($1, 3, 1, now() + make_interval(secs => $2)) ON CONFLICT (endpoint) "
            "DO UPDATE SET open_until = EXCLUDED.open_until, probe = NULL",
            endpoint,
            seconds,
        )


async def _leased(delivering: Delivering, limit: int = 8) -> list[work.Leased]:
    async with delivering.db.system_statement() as conn:
        now = system_clock()
        return await work.lease(conn, ["peppol"], now, now + timedelta(minutes=2), limit)


@pytest.mark.parametrize("dead", [True, False])
async def test_claiming_is_as_fast_with_100_000_deliveries_due(
    delivering: Delivering, attempts: Attempts, dead: bool
) -> None:
    async def each() -> float:
        await _behind(delivering, 160, endpoint="peppol:0208:1111111111")
        began = time.perf_counter()
        for _ in range(20):
            assert len(await _leased(delivering)) == 8
        return time.perf_counter() - began

    await each()
    alone = min([await each() for _ in range(3)])
    if dead:
        await _opened(delivering, 3600)
    await _behind(delivering, 100_000)
    await mind(attempts)
    owner = await connect(delivering.database.owner_dsn, max_size=1)
    await owner.pool.execute("VACUUM ANALYZE delivery")
    await owner.close()
    behind = min([await each() for _ in range(3)])
    assert behind < 3 * alone + 0.05, (alone, behind)
    async with delivering.db.system_transaction() as conn:
        parked = await conn.fetchval("SELECT count(*) FROM delivery WHERE parked_at IS NOT NULL")
    assert parked == (100_000 if dead else 0)


async def test_after_its_time_exactly_one_is_elected_however_many_look(
    delivering: Delivering, attempts: Attempts
) -> None:
    await _behind(delivering, 20)
    await _opened(delivering, 3600)
    await mind(attempts)
    assert await _leased(delivering) == [], "an open breaker lets nothing through"
    await _opened(delivering, -1)
    assert await _leased(delivering) == [], "nor a half-open one, but its probe"
    await asyncio.gather(*(mind(attempts) for _ in range(4)))
    (probe,) = await _leased(delivering)
    await asyncio.gather(*(mind(attempts) for _ in range(4)))
    assert await _leased(delivering) == []
    assert len(await delivering.told("delivery.parked")) == 20
    (told,) = await delivering.told("delivery.released")
    assert (told["delivery_id"], told["attempt"]) == (str(probe.delivery_id), 0)
    assert {row["version"] for row in await delivering.deliveries()} == {2, 3}
    assert [e["probe"] for e in await _endpoints(delivering)] == [probe.delivery_id]


async def test_a_probe_that_is_cancelled_leaves_its_place_to_another(
    delivering: Delivering, attempts: Attempts
) -> None:
    await _behind(delivering, 3)
    await _opened(delivering, -1)
    await mind(attempts)
    (endpoint,) = await _endpoints(delivering)
    await cancel(delivering.db, delivering.company, endpoint["probe"], ME)
    assert await _leased(delivering) == []
    await mind(attempts)
    (probe,) = await _leased(delivering)
    assert probe.delivery_id != endpoint["probe"]


async def test_a_probe_that_fails_reopens_for_twice_as_long_up_to_a_bound(
    delivering: Delivering, attempts: Attempts
) -> None:
    async def failed(delivery_id: UUID) -> float:
        async with delivering.db.system_transaction() as conn:
            now = system_clock()
            await breakers.blame(conn, DEAD, delivery_id, now, 3, 20, 100)
        (endpoint,) = await _endpoints(delivering)
        assert endpoint["probe"] is None
        found: float = round((endpoint["open_until"] - now).total_seconds())
        return found

    await _behind(delivering, 8)
    await _opened(delivering, -1)
    times = []
    for _ in range(4):
        await mind(attempts)
        (probe,) = await _leased(delivering)
        times.append(await failed(probe.delivery_id))
        await _opened(delivering, -1)
    assert times == [40, 80, 100, 100]


async def test_when_it_works_again_the_others_go_in_portions_behind_what_is_due(
    delivering: Delivering, attempts: Attempts
) -> None:
    await _behind(delivering, 1200)
    await _opened(delivering, 3600)
    await mind(attempts)
    async with delivering.db.system_transaction() as conn:
        await breakers.absolve(conn, DEAD)
    await _behind(delivering, 8, endpoint="peppol:0208:1111111111")
    await mind(attempts)
    await mind(attempts)
    rows = [r for r in await delivering.deliveries() if r["endpoint"] == DEAD]
    assert sum(row["parked_at"] is None for row in rows) == 500
    assert {one.endpoint for one in await _leased(delivering)} == {"peppol:0208:1111111111"}
    while await _leased(delivering, 600):
        await mind(attempts)
    assert {row["state"] for row in await delivering.deliveries()} == {"leased"}


async def test_what_waited_as_long_as_it_would_be_tried_is_listed(
    delivering: Delivering, attempts: Attempts
) -> None:
    await _behind(delivering, 2)
    await _behind(delivering, 1, "unknown")
    await _opened(delivering, 3600)
    await mind(attempts)
    assert {row["state"] for row in await delivering.deliveries()} == {"due", "unknown"}
    async with delivering.db.system_transaction() as conn:
        await conn.execute("UPDATE delivery SET parked_at = parked_at - interval '7201 s'")
    await mind(attempts)
    states = sorted(row["state"] for row in await delivering.deliveries())
    assert states == ["exhausted", "exhausted", "undecided"]
    told = await delivering.told("delivery.failed")
    assert sorted(t["reason"] for t in told) == states
    assert all("hasn't worked" in t["words"] for t in told)


async def test_one_that_refuses_for_good_shows_that_its_server_works(
    delivering: Delivering, schedule: Path
) -> None:
    customer = await delivering.customer("sftp")
    await delivering.issue(customer, 5)
    (endpoint,) = {row["endpoint"] for row in await delivering.deliveries()}
    async with delivering.db.system_transaction() as conn:
        await conn.execute(
            "UPDATE delivery SET secrets = NULL WHERE delivery_id = "
            "(SELECT delivery_id FROM delivery ORDER BY delivery_id LIMIT 1)"
        )
    await _opened(delivering, 3600, endpoint)
    async with delivering.worker("sftp"):

        async def all_parked() -> bool:
            return all(row["parked_at"] for row in await delivering.deliveries())

        await eventually(all_parked)
        async with delivering.db.system_transaction() as conn:
            await conn.execute(
                "UPDATE delivery SET parked_at = parked_at - interval '1 s' WHERE secrets IS NULL"
            )
        await _opened(delivering, -1, endpoint)
        rows = await delivering.over(30)
    assert sorted(row["state"] for row in rows) == ["delivered"] * 4 + ["refused"]
