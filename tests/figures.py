"""What a process tells Prometheus, read like Prometheus does."""

import re
from collections.abc import Mapping

import httpx

SAMPLE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

Figures = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def scrape(url: str) -> Figures:
    """Every sample at `url`."""
    async with httpx.AsyncClient() as client:
        answer = await client.get(url)
    assert answer.status_code == 200
    return read(answer.text)


def read(text: str) -> Figures:
    """Prometheus' text as samples."""
    found: Figures = {}
    for line in text.splitlines():
        if sample := SAMPLE.match(line):
            labels = frozenset(LABEL.findall(sample[2] or ""))
            found[sample[1], labels] = float(sample[3])
    return found


def total(figures: Figures, name: str, wanted: Mapping[str, str] | None = None) -> float:
    """The sum of the samples of that name which have these labels."""
    subset = set((wanted or {}).items())
    return sum(v for (n, labels), v in figures.items() if n == name and subset <= labels)


def names(figures: Figures) -> set[str]:
    return {name for name, _ in figures}
