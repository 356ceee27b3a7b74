"""A peer is down for a while: nobody has to do anything, and no other channel notices."""

import asyncio
import statistics
from datetime import datetime

import pytest

from tests.faults.issuer import Issuer
from tests.services import eventually

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

DOWN_SECONDS = 10
MEASURED = 15


async def test_a_peer_that_is_down_for_a_while_gets_everything_once_afterwards_and_nobody_resends(
    issuer: Issuer,
) -> None:
    """SFTP and FTPS are one server's; Peppol goes on beside them."""
    supervisor = issuer.stack.supervisor
    (filedrop,) = [p for p in issuer.stack._peers() if p.name == "filedrop"]
    await _times_to_delivery(issuer, 5)
    before = await _times_to_delivery(issuer, MEASURED)
    await supervisor.stop("filedrop")
    went = asyncio.get_running_loop().time()
    waiting = await issuer.many([*["plain"] * 20, *["by ftps"] * 20])

    async def left_alone() -> bool:
        """Both endpoints have failed so often that what is due to them waits for a probe."""
        made = [d for d in await issuer.deliveries(waiting) if d["channel"] in ("sftp", "ftps")]
        assert not any(d["state"] == "delivered" for d in made)
        return len(made) == 40 and all(
            sum(bool(d["attempts"]) for d in made if d["channel"] == channel) >= 5
            for channel in ("sftp", "ftps")
        )

    await eventually(left_alone, 60, 0.5)
    during = await _times_to_delivery(issuer, MEASURED)
    # so long is it down, and nothing is waited for
    await asyncio.sleep(max(0.0, went + DOWN_SECONDS - asyncio.get_running_loop().time()))
    await supervisor.start(filedrop)
    invoices = await issuer.settled(waiting, 60)
    issuer.each_peer_has_one(invoices)
    made = await issuer.deliveries(waiting)
    assert {d["state"] for d in made} == {"delivered"}
    assert not any(d["resend_of"] for d in made), "somebody had to resend"
    assert statistics.median(during) <= 2 * statistics.median(before) + 0.05, (before, during)


async def _times_to_delivery(issuer: Issuer, count: int) -> list[float]:
    """Seconds from the plan to the proof over Peppol, one invoice after the other."""
    found = []
    for _ in range(count):
        invoices = await issuer.settled([await issuer.issue("by peppol")], 30)
        (delivery,) = await issuer.deliveries(invoices)
        proved = datetime.fromisoformat(delivery["attempts"][-1]["ended_at"])
        found.append((proved - datetime.fromisoformat(delivery["created_at"])).total_seconds())
    return found
