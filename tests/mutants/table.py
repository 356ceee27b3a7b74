"""The tables of mutants: one TOML file an area, so that several people can add without conflict."""

import ast
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from deploy.local.paths import CHECKOUT

FOLDER = Path(__file__).parent
ROWS = FOLDER / "rows.toml"
ROW = re.compile(r"[A-Z]\d+|adversarial: .+")


class WrongMutant(ValueError):
    """An entry isn't what it must be; the text says which and why."""


@dataclass(frozen=True)
class Mutant:
    """One way to break one promise, and the tests that must fail then."""

    row: str
    """A capability of rows.toml, or "adversarial: …" with the attack."""
    breaks: str
    """What people would see, in a sentence."""
    file: str
    """In the checkout."""
    old: str
    """What stands there, exactly once."""
    new: str
    tests: tuple[str, ...]
    """Files or node ids of pytest; one that fails is enough."""
    area: str = ""

    def applied(self, text: str) -> str:
        """The file's text, broken; WrongMutant unless what it replaces stands there once."""
        if (found := text.count(self.old)) != 1:
            raise WrongMutant(
                f"{self.area} {self.row}: {self.file} has it {found} times: {self.old}"
            )
        return text.replace(self.old, self.new)


def rows() -> dict[str, str]:
    """The capabilities, by id: what each promises, in short."""
    return tomllib.loads(ROWS.read_text("utf-8"))


def mutants(area: str = "", row: str = "") -> list[Mutant]:
    """All of them, or those of an area or a row, in the tables' order."""
    found = []
    for path in sorted(FOLDER.glob("*.toml")):
        if path != ROWS and area in ("", path.stem):
            for entry in tomllib.loads(path.read_text("utf-8")).get("mutant", []):
                tests = tuple(entry.pop("tests"))
                found.append(Mutant(**entry, tests=tests, area=path.stem))
    return [mutant for mutant in found if row in ("", mutant.row)]


def check(mutant: Mutant, root: Path = CHECKOUT) -> None:
    """WrongMutant when it can't be tried: the text isn't there, isn't Python, a test isn't there."""
    named = f"{mutant.area} {mutant.row} ({mutant.breaks})"
    if not ROW.fullmatch(mutant.row) or (mutant.row[0].isupper() and mutant.row not in rows()):
        raise WrongMutant(f"{named}: no such row, see {ROWS.name}")
    path = root / mutant.file
    if not path.is_file():
        raise WrongMutant(f"{named}: there is no {mutant.file}")
    text = path.read_text("utf-8")
    broken = mutant.applied(text)
    if broken == text:
        raise WrongMutant(f"{named}: changes nothing")
    if path.suffix == ".py":
        try:
            ast.parse(broken)
        except SyntaxError as error:
            raise WrongMutant(f"{named}: no Python any more, {error}") from error
    if not mutant.tests:
        raise WrongMutant(f"{named}: names no test")
    for test in mutant.tests:
        name, _, function = test.partition("::")
        if not (root / name).is_file() or (function and function not in _functions(root / name)):
            raise WrongMutant(f"{named}: there is no test {test}")


@cache
def _functions(path: Path) -> "_Names":
    tree = ast.parse(path.read_text("utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return _Names(node.name for node in ast.walk(tree) if isinstance(node, kinds))


class _Names(set[str]):
    """Names of tests; those with parameters are there by the name before them."""

    def __contains__(self, wanted: object) -> bool:
        return super().__contains__(str(wanted).partition("[")[0].rpartition("::")[2])
