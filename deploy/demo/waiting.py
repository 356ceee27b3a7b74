"""Waiting for what others do, on a condition and with a limit."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


class NeverCame(RuntimeError):
    """Something that should have happened did not."""


async def until(
    what: str, check: Callable[[], Awaitable[T | None]], seconds: float = 60, step: float = 0.05
) -> T:
    """What `check` returns as soon as it isn't None or False; NeverCame names `what`."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        found = await check()
        if found:
            return found
        if asyncio.get_running_loop().time() > deadline:
            raise NeverCame(f"{what} did not happen within {seconds:.0f} s")
        await asyncio.sleep(step)
