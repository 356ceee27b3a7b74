"""A service's background loops outlive what goes wrong in them, and end when they are told to."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from pydantic import SecretStr

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
