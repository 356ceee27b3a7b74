"""Trying a mutant: in a copy of the checkout, so that whatever ends a campaign leaves that as it was."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from deploy.local.paths import CHECKOUT
from tests.mutants.table import Mutant

LONGEST = 600
"""Seconds for the tests of one mutant."""
ALL_PASSED, SOME_FAILED = 0, 1
"""Pytest's exit codes; every other one means that it couldn't try."""


@dataclass(frozen=True)
class Verdict:
    """What pytest said: the test that told, or why none did."""

    killer: str
    why: str
    seconds: float
    output: str = ""

    @property
    def killed(self) -> bool:
        return bool(self.killer)


@contextmanager
def copied() -> Iterator[Path]:
    """A throw-away copy of what Git knows here, changes included; downloads are shared."""
    folder = Path(tempfile.mkdtemp(prefix="facteur-mutants-"))
    folder.chmod(0o755)
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607
            cwd=CHECKOUT, check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        for name in filter(None, listed.split("\0")):
            if (CHECKOUT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(CHECKOUT / name, folder / name)
        (CHECKOUT / ".cache").mkdir(exist_ok=True)
        (folder / ".cache").symlink_to(CHECKOUT / ".cache")
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def broken(folder: Path, mutant: Mutant) -> Iterator[None]:
    """The copy, with the mutant in it."""
    path = folder / mutant.file
    text, before = path.read_text("utf-8"), path.stat()
    path.write_text(mutant.applied(text), "utf-8")
    try:
        yield
    finally:
        path.write_text(text, "utf-8")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # what was compiled fits again


def tried(folder: Path, mutant: Mutant) -> Verdict:
    """Whether one of its tests fails by itself: no skip, no error before the test began counts."""
    with broken(folder, mutant):
        began = time.monotonic()
        code, report, output = pytest(folder, ["--exitfirst", *mutant.tests])
    took = time.monotonic() - began
    if code == SOME_FAILED and (names := _named(report, "failure")):
        return Verdict(names[0], "", took)
    if code is None:
        return Verdict("", f"no end after {LONGEST} s", took, output)
    if code not in (ALL_PASSED, SOME_FAILED):
        return Verdict("", f"pytest could not try it (exit code {code})", took, output)
    if code == SOME_FAILED:
        return Verdict("", "an error before the test began tells nothing", took, output)
    skipped = len(_named(report, "skipped"))
    return Verdict(
        "", f"tests were skipped: {skipped}" if skipped else "tests passed", took, output
    )


_running: set["subprocess.Popen[str]"] = set()


def pytest(
    folder: Path, arguments: Sequence[str], *, seconds: float | None = LONGEST
) -> tuple[int | None, Path, str]:
    """Run it there; the exit code (None: took too long), the report, and what it printed."""
    report = folder / "report.xml"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o",
               "junit_family=xunit1", f"--junitxml={report}", *arguments]  # fmt: skip
    running = subprocess.Popen(
        command, cwd=folder, env={**os.environ, "PYTHONPATH": str(folder)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    _running.add(running)
    try:
        output, _ = running.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        running.kill()
        output, _ = running.communicate()
        return None, report, output
    finally:
        _running.discard(running)
    return running.returncode, report, output


def end_all() -> None:
    """Whatever still runs is ended; what it has started ends with it (deploy.local.process)."""
    for running in list(_running):
        running.kill()


def _named(report: Path, outcome: str) -> list[str]:
    """The tests with that outcome, as node ids."""
    if not report.exists():
        return []
    cases = ET.parse(report).iter("testcase")  # noqa: S314 — pytest wrote it just now
    found = [case for case in cases if case.find(outcome) is not None]
    return [f"{case.get('file', '')}::{case.get('name', '')}" for case in found]
