"""The licence check lets permissive licences pass and nothing else unread."""

import pytest

from deploy import licences


@pytest.mark.parametrize(
    "expression",
    ["MIT", "Apache-2.0 OR GPL-3.0-only", "MIT AND (PSF-2.0)", "Apache Software License", "BSD"],
)
def test_permissive(expression: str) -> None:
    assert licences.permitted(expression)


@pytest.mark.parametrize(
    "expression", ["GPL-3.0-only", "MIT AND GPL-2.0-only", "AGPL-3.0", "", "?"]
)
def test_anything_else_must_be_read(expression: str) -> None:
    assert not licences.permitted(expression)


def test_every_locked_dependency_fits() -> None:
    problems = [words for words in map(licences.problem, licences.locked()) if words]
    assert problems == []


def test_reviewed_holds_nothing_that_is_gone() -> None:
    assert set(licences.REVIEWED) <= {name.lower() for name in licences.locked()}
