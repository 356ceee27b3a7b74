"""Templates: autoescaped, every variable must exist, words come from the catalogues."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import ChainableUndefined, Environment, FileSystemLoader, pass_context
from jinja2.runtime import Context
from jinja2.utils import missing

from services.portal.web import formats, told, words

_FOLDER = Path(__file__).parents[1] / "templates"


class Missing(ChainableUndefined):
    """A name that no page was given is an error; a value that a form doesn't hold yet is empty."""

    def _strict(self) -> None:
        if self._undefined_obj is missing:
            self._fail_with_undefined_error()

    def __str__(self) -> str:
        self._strict()
        return ""

    def __bool__(self) -> bool:
        self._strict()
        return False

    def __iter__(self) -> Iterator[Any]:
        self._strict()
        return iter(())


@cache
def environment() -> Environment:
    """One for the process."""
    made = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=Missing,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["_"] = _words
    made.globals["word"] = _word_of_family
    made.globals["languages"] = words.LANGUAGES
    for name, function in formats.filters().items():
        made.filters[name] = _in_language(function)
    made.filters["changed"] = _in_language(told.changed)
    return made


def render(template: str, language: str, **values: Any) -> str:
    """The template as HTML, in one language."""
    return environment().get_template(template).render(language=language, **values)


@pass_context
def _words(context: Context, key: str, **values: Any) -> str:
    return words.text(context["language"], key, **values)


@pass_context
def _word_of_family(context: Context, family: str, name: str) -> str:
    """The words of one of a family (`state.delivered`); the bare name where there are none."""
    return words.known(context["language"], f"{family}.{name}") or name


def _in_language(function: Any) -> Any:
    @pass_context
    def localized(context: Context, value: Any, *arguments: Any, **options: Any) -> str:
        found: str = function(value, *arguments, language=context["language"], **options)
        return found

    return localized
