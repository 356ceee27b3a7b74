"""How loops rest between their turns, and what ends them."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress

AGAIN_SECONDS = 3.0


async def rest(woken: asyncio.Event, seconds: float) -> None:
    """Until somebody has work, at most so long.

    Not `wait_for`: until Python 3.12 it forgets a cancellation that comes with the wake-up, and the
    loop would never end.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await woken.wait()


def told_to_end() -> bool:
    """Whether somebody cancelled this task; else a CancelledError is of a future that it waited for, as
    drivers cancel when their connection goes, and a loop that it ends would be missed by nobody."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


async def end(tasks: Iterable["asyncio.Task[None]"], every: float = AGAIN_SECONDS) -> None:
    """Cancel these, in this order and as often as it takes, until all have ended.

    Once isn't enough: a library's `wait_for` forgets a cancellation that comes together with what it
    waits for (until Python 3.12), and the loop around it would go on for ever.
    """
    pending = list(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, left = await asyncio.wait(pending, timeout=every)
        pending = [task for task in pending if task in left]
