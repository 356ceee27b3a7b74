"""The audit chain: whatever is done to it is detected, and located."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from services.portal.domain.audit import Entry, Verification, detail_of, link
from services.portal.spreadsheet import safe

BEGAN = datetime(2026, 9, 1, 8, 0, tzinfo=UTC)


def chain(length: int) -> list[Entry]:
    """A chain that holds."""
    entries: list[Entry] = []
    before = b""
    for position in range(1, length + 1):
        entry = Entry(
            position, uuid4(), BEGAN + timedelta(minutes=position), None, "user:1", "invoice.issued",
            f"subject {position}", "", {"number": f"F-{position}"}, b"",
        )  # fmt: skip
        entry = replace(entry, hash=link(before, entry))
        entries.append(entry)
        before = entry.hash
    return entries


def breaks(entries: list[Entry], head: Entry) -> list[int]:
    """Where the chain is found broken."""
    verification = Verification()
    for entry in entries:
        verification.feed(entry)
    return [b.position for b in verification.finish(head.position, head.hash)]


def test_a_whole_chain_holds() -> None:
    entries = chain(50)
    assert breaks(entries, entries[-1]) == []


@pytest.mark.parametrize(
    ("what", "tamper", "where"),
    [
        ("a field changed", lambda e: [*e[:9], replace(e[9], actor="user:2"), *e[10:]], [10]),
        ("a detail changed", lambda e: [*e[:9], replace(e[9], detail={}), *e[10:]], [10]),
        ("an entry removed", lambda e: [*e[:9], *e[10:]], [10]),
        ("the end cut off", lambda e: e[:15], [16]),
        ("two entries exchanged",
         lambda e: [*e[:9], replace(e[10], position=10), replace(e[9], position=11), *e[11:]], [10, 11, 12]),
        ("a changed entry sealed anew",
         lambda e: [*e[:9], _sealed(e[8].hash, replace(e[9], actor="user:2")), *e[10:]], [11]),
    ],
)  # fmt: skip
def test_tampering_is_located(
    what: str, tamper: Callable[[list[Entry]], list[Entry]], where: list[int]
) -> None:
    entries = chain(20)
    assert breaks(tamper(entries), entries[-1]) == where, what


def _sealed(before: bytes, entry: Entry) -> Entry:
    return replace(entry, hash=link(before, entry))


def test_the_chain_holds_no_document_and_no_personal_data() -> None:
    kept = detail_of(
        {"number": "F-1", "email": "a@b.example", "original": {"content": "…"}, "first_name": "A"}
    )
    assert kept == {"number": "F-1"}


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_no_cell_begins_as_a_formula(cell: str) -> None:
    assert safe(cell)[0] == "'"
