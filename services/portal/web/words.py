"""The portal's words: French, Dutch and English, one data file each."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

LANGUAGES = {"fr": "Français", "nl": "Nederlands", "en": "English"}
DEFAULT = "fr"
SINGULAR = {"fr": ("0", "1"), "nl": ("1",), "en": ("1",)}
"""The counts that a language says in the singular, as they are written."""

_FOLDER = Path(__file__).parents[1] / "words"


@cache
def catalogue(language: str) -> dict[str, str]:
    """Key → text of one language; the keys are `section.name`."""
    tables = tomllib.loads((_FOLDER / f"{language}.toml").read_text("utf-8"))
    return {f"{section}.{key}": text for section, t in tables.items() for key, text in t.items()}


def text(language: str, key: str, **values: Any) -> str:
    """The words for `key`, its {placeholders} filled; KeyError for a key that doesn't exist.

    Words that count have a second form, `key_1`, for a {count} in the singular.
    """
    words = catalogue(language)[key]
    if str(values.get("count")) in SINGULAR[language]:
        words = catalogue(language).get(f"{key}_1", words)
    return words.format(**values) if values else words


def known(language: str, key: str) -> str | None:
    """The words for `key`, or None where there are none."""
    return catalogue(language).get(key)


def family(language: str, name: str) -> dict[str, str]:
    """All words of one family: what follows its name → text, in the catalogue's order."""
    start = f"{name}."
    return {
        key.removeprefix(start): said
        for key, said in catalogue(language).items()
        if key.startswith(start)
    }


def negotiated(accept: str) -> str:
    """The best of our languages for an Accept-Language header (RFC 9110 §12.5.4)."""
    wanted: list[tuple[float, str]] = []
    for position, part in enumerate(accept.split(",")[:20]):
        tag, _, quality = part.strip().partition(";q=")
        try:
            weight = float(quality or 1)
        except ValueError:
            weight = 0.0
        language = tag.strip()[:2].lower()
        if language in LANGUAGES and weight > 0:
            wanted.append((weight - position / 1000, language))
    return max(wanted)[1] if wanted else DEFAULT
