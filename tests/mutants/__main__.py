"""`make mutants`: break each promise, see a test fail. `--row D4`, `--area identity`, `--list`.

A runner of our own, not mutmut or cosmic-ray: those change operators wherever they stand, while these
changes are chosen, each the breaking of something that was promised.
"""

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import Queue

from tests.mutants.document import DOCUMENT, written
from tests.mutants.table import Mutant, WrongMutant, check, mutants
from tests.mutants.trying import ALL_PASSED, Verdict, copied, end_all, pytest, tried


def main() -> int:
    """Returns the exit status: 1 when a mutant survived, or a test fails without any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--row", default="", help="of this capability or attack alone")
    parser.add_argument("--area", default="", help="of this table alone")
    parser.add_argument("--jobs", type=int, default=1, help="so many side by side")
    parser.add_argument("--list", action="store_true", help="what there is; nothing is run")
    parser.add_argument(
        "--baseline", action="store_true", help="the tests must first pass unbroken"
    )
    parser.add_argument("--document", action="store_true", help="write docs/checks.md anew")
    given = parser.parse_args()
    chosen = mutants(given.area, given.row)
    if given.document:
        DOCUMENT.write_text(written(mutants()), "utf-8")
        return 0
    if given.list or not chosen:
        for mutant in chosen:
            print(f"{mutant.row}  {mutant.breaks}  ({mutant.file})")
        print(f"{len(chosen)} mutants")
        return 0 if chosen else 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the copy is taken away
    return campaign(chosen, baseline=given.baseline, jobs=given.jobs)


def campaign(chosen: Sequence[Mutant], *, baseline: bool, jobs: int = 1) -> int:
    """Try each; the exit status."""
    began, survived = time.monotonic(), 0
    for mutant in chosen:
        try:
            check(mutant)
        except WrongMutant as wrong:
            print(wrong)
            return 1
    with ExitStack() as stack:
        folders = Queue[Path]()
        for _ in range(min(jobs, len(chosen))):
            folders.put(stack.enter_context(copied()))
        pool = stack.enter_context(ThreadPoolExecutor(jobs))
        stack.callback(end_all)
        stack.callback(pool.shutdown, wait=False, cancel_futures=True)
        if baseline and not unbroken(folders.queue[0], chosen):
            return 1

        def try_it(mutant: Mutant) -> Verdict:
            folder = folders.get()
            try:
                return tried(folder, mutant)
            finally:
                folders.put(folder)

        for mutant, verdict in zip(chosen, pool.map(try_it, chosen), strict=True):
            survived += not verdict.killed
            print(told(mutant, verdict), flush=True)
    minutes = (time.monotonic() - began) / 60
    print(
        f"{len(chosen) - survived} of {len(chosen)} killed, {survived} survived, {minutes:.1f} min"
    )
    return 1 if survived else 0


def told(mutant: Mutant, verdict: Verdict) -> str:
    """What became of it, in a line; of a survivor with what pytest printed last."""
    if verdict.killed:
        return f"killed {mutant.row} in {verdict.seconds:.0f} s by {verdict.killer}"
    tests = ", ".join(mutant.tests)
    why = f"SURVIVED {mutant.row}: {mutant.breaks} ({verdict.why}: {tests})"
    return f"{why}\n{verdict.output[-2000:]}"


def unbroken(folder: Path, chosen: Sequence[Mutant]) -> bool:
    """Whether their tests pass as things are."""
    tests = sorted({test for mutant in chosen for test in mutant.tests})
    code, _, output = pytest(folder, tests, seconds=None)
    print(output[-2000:] if code != ALL_PASSED else "unbroken, all of their tests pass", flush=True)
    return code == ALL_PASSED


if __name__ == "__main__":
    sys.exit(main())
