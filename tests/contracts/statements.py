"""Every SQL statement that is written as a literal in the code, found in its syntax tree."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
METHODS = {"fetch", "fetchrow", "fetchval", "execute", "executemany"}


@dataclass(frozen=True)
class Statement:
    """A statement, where it stands, and the row class its records are made into, if any."""

    where: str
    sql: str
    arguments: int
    """How many are passed; 0 where that can't be read here."""
    row: str | None


def statements(*folders: str) -> Iterator[Statement]:
    """Of all modules below these folders."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            tree = ast.parse(path.read_text("utf-8"))
            constants = _constants(tree)
            for function in ast.walk(tree):
                if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield from _of(function, path, constants)


def _of(
    function: ast.FunctionDef | ast.AsyncFunctionDef, path: Path, constants: dict[str, str]
) -> Iterator[Statement]:
    rows = [
        call.func.id
        for call in ast.walk(function)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
        and call.keywords and call.keywords[0].arg is None and not call.args
    ]  # fmt: skip
    fetches = [
        call
        for call in ast.walk(function)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)
        and call.func.attr in ("fetch", "fetchrow")
    ]  # fmt: skip
    for call in ast.walk(function):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
            continue
        if call.func.attr not in METHODS or not call.args:
            continue
        sql = _text(call.args[0], constants)
        if sql is None or not sql.split():
            continue
        row = rows[0] if call in fetches and len(fetches) == len(set(rows)) == 1 else None
        where = f"{path.relative_to(ROOT)}:{call.lineno}"
        # the rows of executemany, and what a star stands for, are known when it runs
        starred = any(isinstance(argument, ast.Starred) for argument in call.args)
        unknown = starred or call.func.attr == "executemany"
        passed = 0 if unknown else len(call.args) - 1
        yield Statement(where, sql, passed, row)


def _text(node: ast.expr, constants: dict[str, str]) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Name):
        return constants.get(node.id)
    return None


def _constants(tree: ast.Module) -> dict[str, str]:
    return {
        node.targets[0].id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }  # fmt: skip
