"""The tables of mutants are sound, and the runner tells what a test noticed from what none did."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.mutants.document import DOCUMENT, written
from tests.mutants.table import Mutant, WrongMutant, check, mutants, rows
from tests.mutants.trying import tried

COVERED = [f"P{n}" for n in range(1, 13)] + [f"D{n}" for n in range(1, 15)] + ["S6"]
"""The rows that must have a mutant."""

PRICE = Mutant(
    row="D1",
    breaks="everything is free",
    file="shop.py",
    old="return 2 * pieces",
    new="return 0 * pieces",
    tests=("test_shop.py::test_two_cost_four",),
    area="shop",
)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    (tmp_path / "shop.py").write_text("def price(pieces):\n    return 2 * pieces\n")
    (tmp_path / "test_shop.py").write_text(
        "import pytest\n"
        "from shop import price\n"
        "@pytest.fixture\n"
        "def four():\n    assert price(2) == 4\n"
        "def test_two_cost_four():\n    assert price(2) == 4\n"
        "def test_prices_are_numbers():\n    assert price(2) >= 0\n"
        "def test_with_four(four):\n    pass\n"
        "@pytest.mark.skip\ndef test_later():\n    assert False\n"
    )
    return tmp_path


@pytest.mark.parametrize("mutant", mutants(), ids=lambda m: f"{m.area} {m.row} {m.breaks}"[:70])
def test_each_mutant_can_be_tried(mutant: Mutant) -> None:
    check(mutant)


def test_every_promise_is_broken_somewhere() -> None:
    assert [row for row in COVERED if row not in {mutant.row for mutant in mutants()}] == []
    assert set(COVERED) <= set(rows())


def test_no_two_mutants_are_the_same() -> None:
    found = [(mutant.file, mutant.old, mutant.new) for mutant in mutants()]
    assert [one for one in found if found.count(one) > 1] == []


def test_the_document_is_what_the_tables_say() -> None:
    assert DOCUMENT.read_text("utf-8") == written(mutants()), (
        "run: .venv/bin/python -m tests.mutants --document"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"row": "Z1"}, {"row": "something"}, {"file": "nothing.py"}, {"old": "is not there"},
        {"old": "p"}, {"new": "return 2 * pieces"}, {"new": "return ("}, {"tests": ()},
        {"tests": ("test_none.py",)}, {"tests": ("test_shop.py::test_none",)},
    ],
)  # fmt: skip
def test_what_cant_be_tried_is_refused(shop: Path, change: dict[str, object]) -> None:
    check(PRICE, shop)
    check(replace(PRICE, row="adversarial: theft"), shop)
    with pytest.raises(WrongMutant):
        check(replace(PRICE, **change), shop)  # type: ignore[arg-type]


def test_a_mutant_is_killed_by_a_test_that_fails_and_by_nothing_else(shop: Path) -> None:
    before = (shop / "shop.py").read_text()
    verdict = tried(shop, PRICE)
    assert verdict.killer == "test_shop.py::test_two_cost_four"
    assert (shop / "shop.py").read_text() == before
    because = {
        "test_shop.py::test_prices_are_numbers": "tests passed",
        "test_shop.py::test_with_four": "an error before the test began tells nothing",
        "test_shop.py::test_later": "tests were skipped: 1",
        "test_shop.py::test_none": "pytest could not try it (exit code 4)",
    }
    for test, why in because.items():
        verdict = tried(shop, replace(PRICE, tests=(test,)))
        assert (verdict.killed, verdict.why) == (False, why), verdict.output
    unreadable = tried(shop, replace(PRICE, old="def price", new="raise ValueError\ndef price"))
    assert not unreadable.killed, "a file of tests that can't be read is no test that fails"
