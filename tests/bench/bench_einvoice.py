"""What judging and rendering an invoice cost: `python -m tests.bench.bench_einvoice`."""

import asyncio
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from shared.einvoice.rules import Validator, applicable_sets
from shared.einvoice.syntax import cii, ubl
from tests.unit.einvoice.samples import belgian, credit_note, french, issued, line

ROUNDS = 200


@dataclass
class Measured:
    """One row: milliseconds of processor time and of the clock, for one invoice."""

    what: str
    cpu: float
    wall: float


def timed(what: str, work: Callable[[], object], rounds: int = ROUNDS) -> Measured:
    """The mean of some rounds in this process, once warm."""
    for _ in range(max(5, rounds // 5)):
        work()
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(rounds):
        work()
    return Measured(
        what,
        (time.process_time() - cpu) / rounds * 1000,
        (time.perf_counter() - wall) / rounds * 1000,
    )


async def validation() -> list[Measured]:
    """In a worker process: processor time is the worker's, the clock includes the way there and back."""
    documents = {
        "BE invoice, 3 lines": issued(belgian()),
        "BE credit note": issued(credit_note()),
        "FR invoice, 2 lines (with BR-FR)": issued(french()),
        "BE invoice, 40 lines": issued(belgian(lines=tuple(line() for _ in range(40)))),
    }
    rows = []
    started = time.perf_counter()
    async with Validator() as validator:
        rows.append(
            Measured("worker start, rules compiled", 0, (time.perf_counter() - started) * 1000)
        )
        (worker,) = (
            p for p in psutil.Process().children() if "spawn_main" in " ".join(p.cmdline())
        )
        for what, invoice in documents.items():
            xml, sets = ubl.write(invoice), applicable_sets(invoice)
            for _ in range(ROUNDS // 4):
                await validator.validate(xml, sets)
            cpu, wall = sum(worker.cpu_times()[:2]), time.perf_counter()
            for _ in range(ROUNDS):
                await validator.validate(xml, sets)
            rows.append(
                Measured(
                    f"validate {what}",
                    (sum(worker.cpu_times()[:2]) - cpu) / ROUNDS * 1000,
                    (time.perf_counter() - wall) / ROUNDS * 1000,
                )
            )
        rows.append(Measured(f"worker memory: {worker.memory_info().rss / 2**20:.0f} MiB", 0, 0))
    return rows


def documents() -> list[Measured]:
    """In this process."""
    from services.billing.documents.pdf import render

    small, large = issued(belgian()), issued(belgian(lines=tuple(line() for _ in range(40))))
    xml = ubl.write(small)
    rows = [
        timed("write UBL, 3 lines", lambda: ubl.write(small)),
        timed("read UBL, 3 lines", lambda: ubl.read(xml)),
        timed("set the number of a UBL", lambda: ubl.set_number(xml, "F-1")),
        timed("write CII, 3 lines", lambda: cii.write(small)),
        timed("render PDF, 3 lines", lambda: render(small, "fr"), 30),
        timed("render PDF, 40 lines", lambda: render(large, "nl"), 15),
    ]
    memory = psutil.Process().memory_info().rss / 2**20
    return [*rows, Measured(f"renderer memory: {memory:.0f} MiB", 0, 0)]


def main() -> None:
    """Print the table."""
    load = os.getloadavg()[0]
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {load:.1f}, Python {platform.python_version()}"
    )
    print(f"{'':45} {'cpu ms':>8} {'ms':>8}")
    for row in [*asyncio.run(validation()), *documents()]:
        numbers = f"{row.cpu:8.1f} {row.wall:8.1f}" if row.wall else ""
        print(f"{row.what:45} {numbers}")


if __name__ == "__main__":
    main()
