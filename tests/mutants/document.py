"""docs/checks.md from the tables: each promise, what breaks it, and the test that tells."""

from collections.abc import Sequence

from deploy.local.paths import CHECKOUT
from tests.mutants.table import Mutant, rows

DOCUMENT = CHECKOUT / "docs" / "checks.md"

INTRODUCTION = """# What is promised, and the tests that tell

For each promise: what people would see if it were broken, where `make mutants` breaks it just so, and the
tests of which one must fail then. Written by `.venv/bin/python -m tests.mutants --document` from the tables
in `tests/mutants`: change those, not this.
"""


def written(mutants: Sequence[Mutant]) -> str:
    """The whole document: rows in their order, then the attacks."""
    known = rows()
    attacks = sorted({mutant.row for mutant in mutants if mutant.row not in known})
    lines = [INTRODUCTION]
    for row in [*known, *attacks]:
        of_row = [mutant for mutant in mutants if mutant.row == row]
        if of_row:
            title = f"{row}: {known[row]}" if row in known else row.replace("adversarial", "Attack")
            lines += [f"## {title}", "", "| what people would see | broken in | told by |"]
            lines += ["|---|---|---|", *(_line(mutant) for mutant in of_row), ""]
    return "\n".join(lines)


def _line(mutant: Mutant) -> str:
    tests = "<br>".join(f"`{test.removeprefix('tests/')}`" for test in mutant.tests)
    return f"| {mutant.breaks} | `{mutant.file}` | {tests} |"
