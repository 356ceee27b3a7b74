"""Rows of measures, and the machine they were taken on."""

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One measure: what, on which broker (or none), how much; `target` from the specification."""

    what: str
    broker: str
    value: str
    target: str = ""


def machine() -> str:
    """The machine in a line, with what else it was doing."""
    return (
        f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start, "
        f"Python {platform.python_version()}, {platform.system()} {platform.release()}"
    )


def printed(rows: Sequence[Row]) -> str:
    """A Markdown table."""
    lines = ["| measure | broker | result | target |", "|---|---|---|---|"]
    lines += [f"| {r.what} | {r.broker} | {r.value} | {r.target} |" for r in rows]
    return "\n".join(lines)


def milliseconds(seconds: Sequence[float]) -> str:
    """p50 and p99 (nearest rank)."""
    ordered = sorted(seconds)
    p99 = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
    return f"p50 {1000 * statistics.median(ordered):.0f} ms, p99 {1000 * p99:.0f} ms"
