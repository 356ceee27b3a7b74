"""The audit chain: whatever is done to it is detected, and located."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from services.portal.domain.acknowledged import Acknowledgement
from services.portal.domain.audit import Break, Entry, Verification, detail_of, link
from services.portal.domain.checkpoints import (
    CHAIN,
    EVERY,
    EVERY_ENTRIES,
    OLD,
    Checkpoints,
    due,
    old,
    seal,
)
from services.portal.spreadsheet import safe
from shared.contracts.portal import AuditSealed

BEGAN = datetime(2026, 9, 1, 8, 0, tzinfo=UTC)


def chain(length: int) -> list[Entry]:
    """A chain that holds."""
    entries: list[Entry] = []
    before = b""
    for position in range(1, length + 1):
        entry = Entry(
            position, uuid4(), BEGAN + timedelta(minutes=position), None, "user:1", "invoice.issued",
            f"subject {position}", "", {"number": f"F-{position}"}, b"", "203.0.113.0/24",
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
        ("an origin changed", lambda e: [*e[:9], replace(e[9], origin="198.51.100.0/24"), *e[10:]], [10]),
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


def recomputed(entries: list[Entry], position: int) -> list[Entry]:
    """One entry changed, and everything from there on sealed anew: by itself such a chain holds."""
    found = entries[: position - 1]
    for entry in entries[position - 1 :]:
        changed = replace(entry, actor="user:2") if entry.position == position else entry
        found.append(_sealed(found[-1].hash if found else b"", changed))
    return found


@pytest.mark.parametrize(
    ("what", "tamper", "where"),
    [
        ("rows and head", lambda e: e[:11], (12, "cut")),
        ("all recomputed", lambda e: recomputed(e, 1), (1, "recomputed")),
        ("recomputed from the seventh", lambda e: recomputed(e, 7), (6, "recomputed")),
        ("cut and grown again", lambda e: [*e[:11], *recomputed(e, 12)[11:]], (11, "recomputed")),
        ("everything gone", lambda _: [], (1, "cut")),
    ],
)
def test_what_holds_by_itself_is_told_by_the_checkpoints(
    what: str, tamper: Callable[[list[Entry]], list[Entry]], where: tuple[int, str]
) -> None:
    entries = chain(20)
    checkpoints = {n: entries[n - 1].hash for n in (5, 10, 15)}
    tampered = tamper(entries)
    head = tampered[-1] if tampered else replace(entries[0], position=0, hash=b"")
    assert breaks(tampered, head) == [], what
    verification = Verification(checkpoints)
    for entry in tampered:
        verification.feed(entry)
    found = verification.finish(head.position, head.hash)
    assert [(b.position, b.kind) for b in found] == [where], what


def test_a_chain_agrees_with_its_own_checkpoints() -> None:
    entries = chain(20)
    verification = Verification({n: entries[n - 1].hash for n in (1, 20)})
    for entry in entries:
        verification.feed(entry)
    assert verification.finish(20, entries[-1].hash) == []


@dataclass(frozen=True)
class Said:
    position: int
    hash: str
    sealed_at: datetime
    seal: str


def test_only_checkpoints_under_our_own_seal_are_believed_and_the_first_of_each_position() -> None:
    old, new = b"o" * 32, b"n" * 32

    def said(key: bytes, position: int, digest: str) -> Said:
        return Said(position, digest, BEGAN, seal(key, position, digest, BEGAN))

    found = [
        said(old, 5, "aa"), said(new, 9, "bb"), said(new, 5, "cc"), said(b"x" * 32, 12, "dd"),
        replace(said(new, 14, "ee"), position=15), replace(said(new, 14, "ee"), hash="ff"),
        replace(said(new, 14, "ee"), sealed_at=BEGAN + timedelta(1)), Said(16, "aa", BEGAN, ""),
    ]  # fmt: skip
    heard = Checkpoints()
    for one in found:
        heard.hear(one, (old, new))
    assert heard.found == {5: b"\xaa", 9: b"\xbb"}
    assert (heard.newest, heard.strange) == (9, 5)


@pytest.mark.parametrize(
    "strange",
    [
        {"seal": "é" * 64},
        {"hash": "not hex"},
        {"hash": ""},
        {"position": -1},
        {"position": 10**30},
        {"sealed_at": "0001-01-01T00:00:00+14:00"},
        {"sealed_at": "9999-12-31T23:59:59-14:00"},
    ],
)
def test_whatever_somebody_puts_on_the_topic_stops_no_verification(
    strange: dict[str, object],
) -> None:
    """Who has the database has its outbox: a checkpoint that can't be judged is one that isn't ours."""
    key = b"k" * 32
    good = {"chain_id": CHAIN, "position": 5, "hash": "aa", "sealed_at": BEGAN, "seal": ""}
    heard = Checkpoints()
    heard.hear(AuditSealed.model_validate({**good, **strange}), (key,))
    heard.hear(AuditSealed.model_validate({**good, "seal": seal(key, 5, "aa", BEGAN)}), (key,))
    assert (heard.found, heard.strange) == ({5: b"\xaa"}, 1)


def test_a_checkpoint_is_due_when_the_chain_has_moved_and_not_too_soon() -> None:
    second = timedelta(seconds=1)
    assert due(BEGAN, 1, 0, None)
    assert not due(BEGAN, 0, 0, None)
    assert not due(BEGAN + EVERY * 9, 7, 7, BEGAN)
    assert not due(BEGAN + EVERY - second, 8, 7, BEGAN)
    assert due(BEGAN + EVERY, 8, 7, BEGAN)
    assert not due(BEGAN + second, 6 + EVERY_ENTRIES, 7, BEGAN)
    assert due(BEGAN + second, 7 + EVERY_ENTRIES, 7, BEGAN)
    # what somebody wrote into the database holds nothing up
    assert due(BEGAN + second, 8, 10**12, BEGAN)
    assert due(BEGAN, 8, 7, BEGAN + timedelta(days=9999))


def test_a_checkpoint_is_old_where_entries_have_waited_for_another() -> None:
    second = timedelta(seconds=1)
    assert old(BEGAN + OLD + second, 8, 7, BEGAN)
    assert not old(BEGAN + OLD, 8, 7, BEGAN)
    assert not old(BEGAN + OLD * 9, 7, 7, BEGAN)
    assert not old(BEGAN + OLD * 9, 7, 0, None)


def seen(entries: list[Entry], head: Entry, known: Checkpoints, at: datetime) -> list[Break]:
    """What an operator acknowledges of that chain."""
    verification, broken = walked(entries, head, known)
    known.hear_acknowledged(
        Acknowledgement(
            head.position, head.hash, verification.agreed, tuple(broken), "odile", "seen", at
        )
    )
    return broken


def walked(
    entries: list[Entry], head: Entry, known: Checkpoints
) -> tuple[Verification, list[Break]]:
    verification = Verification(known.found, known.resumed)
    for entry in entries:
        verification.feed(entry)
    return verification, known.unseen(verification.finish(head.position, head.hash))


def sealed(entries: list[Entry], *positions: int, at: datetime) -> Checkpoints:
    known = Checkpoints()
    for n in positions:
        text = entries[n - 1].hash.hex()
        known.hear(Said(n, text, at, seal(KEY, n, text, at)), (KEY,))
    return known


def grown(entries: list[Entry], before: bytes, *positions: int) -> list[Entry]:
    """As the portal goes on after its head."""
    found = list(entries)
    for position in positions:
        entry = replace(chain(1)[0], position=position)
        found.append(_sealed(before, entry))
        before = found[-1].hash
    return found


KEY = b"k" * 32
AFTER = BEGAN + timedelta(days=1)


@pytest.mark.parametrize(
    ("what", "tamper", "kinds"),
    [
        ("restored", lambda e: (e[:12], e[11]), ["cut"]),
        ("restored, and sealed again", lambda e: (recomputed(e, 13), recomputed(e, 13)[-1]), ["recomputed"]),
        ("a row changed", lambda e: ([*e[:6], replace(e[6], actor="user:2"), *e[7:]], e[-1]), ["changed"]),
        ("rows lost", lambda e: ([*e[:6], *e[9:]], e[-1]), ["missing"]),
        ("the last rows lost", lambda e: (e[:12], e[-1]), ["missing"]),
        ("another end", lambda e: (e, replace(e[-1], hash=b"x" * 32)), ["end"]),
    ],
)  # fmt: skip
def test_a_break_that_was_acknowledged_stays_seen_and_the_rest_is_judged(
    what: str, tamper: Callable[[list[Entry]], tuple[list[Entry], Entry]], kinds: list[str]
) -> None:
    whole = chain(20)
    known = sealed(whole, 5, 10, 15, 20, at=BEGAN)
    entries, head = tamper(whole)
    assert [b.kind for b in seen(entries, head, known, AFTER)] == kinds
    assert walked(entries, head, known)[1] == []
    entries = grown(entries, head.hash, *range(head.position + 1, 31))
    assert walked(entries, entries[-1], known)[1] == []
    # whatever is done afterwards is new, before the break and after it
    for place in (3, len(entries) - 2):
        changed = [*entries[:place], replace(entries[place], subject="x"), *entries[place + 1 :]]
        assert [b.kind for b in walked(changed, entries[-1], known)[1]] == ["changed"], place
    assert walked(entries[:4], entries[3], known)[1][0].kind == "cut"
    anew = recomputed(entries[:12], 2)
    assert "recomputed" in [b.kind for b in walked(anew, anew[-1], known)[1]]


def test_the_chain_holds_no_document_and_no_personal_data() -> None:
    kept = detail_of(
        {"number": "F-1", "email": "a@b.example", "original": {"content": "…"}, "first_name": "A"}
    )
    assert kept == {"number": "F-1"}


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_no_cell_begins_as_a_formula(cell: str) -> None:
    assert safe(cell)[0] == "'"
