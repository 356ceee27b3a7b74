"""`make bench`: one table of measures. `--only flow,kernel,people,workers,parts`; `--quick` for a look."""

import argparse
import asyncio
import subprocess
import sys
from collections.abc import Awaitable

from deploy.local import kafka, tansu
from tests.bench import flow, kernel, people, workers
from tests.bench.table import Row, machine, printed

PARTS = ("flow", "kernel", "people", "workers", "parts")


def brokers(wanted: str) -> list[str]:
    """The brokers of that list which this machine can run."""
    there = {"kafka": kafka.unavailable() is None, "tansu": tansu.unavailable() is None}
    return [name for name in wanted.split(",") if there.get(name)]


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--brokers", default="kafka,tansu")
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    only, rows = given.only.split(","), list[Row]()
    print(machine(), flush=True)

    def measured(name: str, work: Awaitable[list[Row]]) -> None:
        try:
            found = asyncio.run(_awaited(work))
        except Exception as error:  # noqa: BLE001 — one measure that fails doesn't take the others
            found = [Row(name, "", f"failed: {type(error).__name__}: {str(error)[:200]}")]
        rows.extend(found)
        print(printed(found), flush=True)

    for broker in brokers(given.brokers):
        if "kernel" in only:
            measured(
                f"kernel on {broker}", kernel.measures(broker, 1000 if given.quick else 10_000)
            )
        if "flow" in only:
            seconds, count = (3, 60) if given.quick else (12, 300)
            measured(f"flow on {broker}", flow.measures(broker, seconds, count))
        if "people" in only:
            measured(f"people on {broker}", people.measures(broker, quick=given.quick))
    if "workers" in only:
        measured("scaling", workers.scaling(60 if given.quick else 400))
        sizes = (1_000, 10_000) if given.quick else (1_000, 10_000, 100_000)
        measured("backlog", workers.backlog(sizes))
    print(
        f"\n{machine()}\nbrokers: {', '.join(brokers(given.brokers))}\n\n{printed(rows)}\n",
        flush=True,
    )
    if "parts" in only:
        for module in ("bench_einvoice", "bench_as4"):
            subprocess.run([sys.executable, "-m", f"tests.bench.{module}"], check=False)


async def _awaited(work: Awaitable[list[Row]]) -> list[Row]:
    return await work


if __name__ == "__main__":
    main()
