"""How loops rest between their turns, and what ends them."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

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
    """Whether somebody cancelled this task."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


class CutOff(Exception):
    """A future that was waited for is cancelled, as drivers do when their connection goes."""


@contextmanager
def unless_cut_off() -> Iterator[None]:
    """CutOff in the place of a CancelledError that nobody sent to this task: a loop that it ended would
    be missed by nobody."""
    try:
        yield
    except asyncio.CancelledError as error:
        if told_to_end():
            raise
        raise CutOff from error


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
