"""Keeps programs running: starts them, starts a dead one again, ends them in order."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.process import Program, Running, StartError, spawn, stop

_LOOK_SECONDS = 0.1
_RESTART_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)
_STEADY_SECONDS = 20.0
"""A program that ran this long starts again with the shortest pause."""


@dataclass
class _Kept:
    running: Running
    began: float
    started: bool = False
    """It has been ready once: from then on it is started again."""
    restarts: int = 0
    due: float | None = None
    """When to start it again, once it was seen dead."""


@dataclass
class Supervisor:
    """Programs by name, with their logs in one folder. Used from one event loop."""

    logs: Path
    say: Callable[[str], None] = print
    _kept: dict[str, _Kept] = field(default_factory=dict)
    _watching: "asyncio.Task[None] | None" = None

    async def start(self, *programs: Program) -> None:
        """Start them side by side; returns when all are ready. StartError names the one that isn't."""
        for program in programs:
            running = spawn(program, self.logs / f"{program.name}.log")
            self._kept[program.name] = _Kept(running, time.monotonic())
        await asyncio.gather(*(self._ready(program) for program in programs))
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())

    async def _ready(self, program: Program) -> None:
        deadline = time.monotonic() + program.ready_seconds
        kept = self._kept[program.name]
        while not await asyncio.to_thread(program.ready):
            running = kept.running
            dead = not running.alive
            if dead or time.monotonic() > deadline:
                why = f"ended with status {running.popen.returncode}" if dead else "is not ready"
                raise StartError(
                    f"{program.name} {why}; its log is {running.log}:\n{running.last_words()}"
                )
            await asyncio.sleep(0.03)
        kept.started = True

    def pid(self, name: str) -> int:
        """The program's present process."""
        return self._kept[name].running.pid

    def pids(self) -> dict[str, int]:
        """Every program that runs now."""
        return {name: kept.running.pid for name, kept in self._kept.items() if kept.running.alive}

    def restarts(self) -> dict[str, int]:
        """How often each had to be started again."""
        return {name: kept.restarts for name, kept in self._kept.items()}

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Send the program a signal; a dead one is started again. Returns the pid that got it."""
        pid = self.pid(name)
        os.kill(pid, number)
        return pid

    async def back(self, name: str, former: int, seconds: float = 60.0) -> None:
        """Wait until another process than `former` serves under that name."""
        ready = self._kept[name].running.program.ready
        async with asyncio.timeout(seconds):
            # another process is waited for: nothing here could set an event
            while self.pid(name) == former or not await asyncio.to_thread(ready):  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async def stop(self, *names: str) -> None:
        """End these programs, all at once, and wait for them; those already ended are no matter."""
        ended = [self._kept.pop(name) for name in names if name in self._kept]
        await asyncio.gather(*(asyncio.to_thread(stop, kept.running) for kept in ended))

    async def close(self, order: Sequence[Sequence[str]] = ()) -> None:
        """End everything, group after group; what no group names comes last."""
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None
        for group in order:
            await self.stop(*group)
        await self.stop(*self._kept)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            for name, kept in list(self._kept.items()):
                if kept.started and not kept.running.alive:
                    self._revive(name, kept)

    def _revive(self, name: str, kept: _Kept) -> None:
        now = time.monotonic()
        if kept.due is None:
            steady = now - kept.began > _STEADY_SECONDS
            pause = _RESTART_SECONDS[min(0 if steady else kept.restarts, len(_RESTART_SECONDS) - 1)]
            kept.due = now + pause
            status = kept.running.popen.returncode
            self.say(f"{name} ended with status {status}; starting it again")
        elif now >= kept.due:
            kept.running = spawn(kept.running.program, kept.running.log)
            kept.began, kept.due = now, None
            kept.restarts += 1
