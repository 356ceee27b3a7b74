"""How loops rest between their turns."""

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
