"""A service's background loops outlive what goes wrong in them, and end when they are told to."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from pydantic import SecretStr

from shared import waiting
from shared.messaging import Consumers
from shared.service import Service
from shared.settings import KafkaSettings, ServiceSettings


async def failed() -> None:
    raise RuntimeError("whatever it is")


async def cut_off() -> None:
    """Nobody cancels the loop: a future that it waits for is, as drivers do whose connection goes."""
    waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiter.cancel()
    await waiter


@pytest.mark.parametrize("trouble", [failed, cut_off])
async def test_a_loop_begins_again_after_trouble_and_ends_when_told(
    trouble: Callable[[], Awaitable[None]],
) -> None:
    settings = ServiceSettings(database_url=SecretStr("postgresql://nowhere"))
    service = Service("billing", settings, KafkaSettings(), Consumers("billing"))
    again, turns = asyncio.Event(), 0

    async def loop(_: Service) -> None:
        nonlocal turns
        turns += 1
        if turns == 1:
            await trouble()
        again.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(service._guarded(loop))
    async with asyncio.timeout(10):
        await again.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_loop_that_forgets_that_it_was_told_to_end_is_told_again() -> None:
    """As Python's own `wait_for` does before 3.12, when the two come together."""
    forgot = asyncio.Event()

    async def loop() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        forgot.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(loop())
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await waiting.end([task], every=0.05)
    assert (forgot.is_set(), task.cancelled()) == (True, True)
