"""How loops rest between their turns, and what ends them."""

import asyncio
from contextlib import suppress


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
