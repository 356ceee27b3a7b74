"""What services can say (actions, topics, refusals, what an entry tells) has words in every language."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from services.portal.audit import UNRECORDED
from services.portal.domain.audit import BREAKS, CHANGES, OMITTED
from services.portal.web import words
from services.portal.web.problems import problem_text
from services.portal.web.told import UNTOLD
from shared.contracts.registry import CONTRACTS
from shared.problems import Problem

ROOT = Path(words.__file__).parents[3]


@cache
def modules(*folders: str) -> tuple[ast.Module, ...]:
    paths = [p for folder in folders for p in sorted((ROOT / folder).rglob("*.py"))]
    return tuple(ast.parse(path.read_text("utf-8")) for path in paths)


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))


def strings(value: ast.expr) -> list[str] | None:
    """What an expression can be; None where the code doesn't say."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return [value.value]
    if isinstance(value, ast.IfExp):
        either, other = strings(value.body), strings(value.orelse)
        return None if either is None or other is None else either + other
    return None


def calls_of(function: ast.AST, name: str) -> Iterator[ast.Call]:
    """Calls of `name`, also as an attribute (`announce.action` for `action`)."""
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            called = (
                node.func.attr
                if isinstance(node.func, ast.Attribute)
                else getattr(node.func, "id", "")
            )
            if called == name:
                yield node


def actions() -> set[str]:
    """Every name that reaches `announce.action`, through those that pass theirs on."""
    found: set[str] = set()
    known, waiting = {"action"}, [("action", 1)]
    while waiting:
        name, place = waiting.pop()
        for tree in modules("services/identity"):
            for function in functions(tree):
                for call in calls_of(function, name):
                    if len(call.args) <= place:
                        continue
                    given = call.args[place]
                    parameters = [a.arg for a in function.args.args]
                    if (said := strings(given)) is not None:
                        found.update(said)
                    elif isinstance(given, ast.Name) and given.id in parameters:
                        if function.name not in known:
                            known.add(function.name)
                            waiting.append((function.name, parameters.index(given.id)))
                    else:
                        raise AssertionError(
                            f"{function.name}: {ast.unparse(given)} can't be followed"
                        )
    return found


def slugs() -> set[str]:
    """Every slug of a refusal: of its class, or given where it is raised."""
    found: set[str] = set()
    for tree in modules("services", "shared"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    found |= set(_assigned(target, node.value))
            elif isinstance(node, ast.Call):
                for keyword in node.keywords:
                    if keyword.arg == "slug":
                        found |= set(strings(keyword.value) or [])
    return found


def _assigned(target: ast.expr, value: ast.expr) -> list[str]:
    if isinstance(target, ast.Name) and target.id == "slug":
        return strings(value) or []
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        return [s for t, v in zip(target.elts, value.elts, strict=True) for s in _assigned(t, v)]
    return []


def told() -> set[str]:
    """Fields of events that an entry of the audit keeps."""
    kinds = [kind for topic, kind in CONTRACTS.items() if topic not in UNRECORDED]
    return {name for kind in kinds for name in kind.model_fields} - OMITTED - UNTOLD.keys()


def test_the_code_is_read() -> None:
    assert {"support_left", "support_refused", "support_active", "password_set", "company_left",
            "two_factor_enrolled", "signed_in"} <= actions()  # fmt: skip
    assert {"too-slow", "not-the-seller", "number-in-use", "still-a-user", "rendering"} <= slugs()


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_everything_that_can_be_said_has_words(language: str) -> None:
    wanted = {
        f"action.{name}"
        for name in actions() | (CONTRACTS.keys() - UNRECORDED - {"action.recorded"})
    }
    wanted |= {f"problem.{slug}" for slug in slugs()}
    wanted |= {f"told.{name}" for name in told()}
    wanted |= {f"member_change.{name}" for name in CHANGES}
    wanted |= {f"chain_break.{name}" for name in BREAKS}
    assert sorted(wanted - words.catalogue(language).keys()) == []


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_what_the_framework_refuses_is_said_in_the_reader_s_language(language: str) -> None:
    refused = Problem("Method Not Allowed", status=405, slug="http-405", title="Method Not Allowed")
    assert problem_text(language, refused) == words.text(language, "problem.http")
