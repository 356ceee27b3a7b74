"""A language's words, and its ways of writing numbers, amounts and dates."""

import tomllib
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal

LANGUAGES = ("fr", "nl", "en")
NO_BREAK = "\u00a0"
_LOCALES = {"fr": "fr_FR", "nl": "nl_BE", "en": "en_IE"}


@dataclass(frozen=True)
class Words:
    """A language's words and ways of writing numbers, amounts and dates."""

    language: str
    currency: str

    @property
    def texts(self) -> dict[str, Any]:
        """The labels."""
        return _texts()[self.language]  # type: ignore[no-any-return]

    def money(self, amount: Decimal) -> str:
        """An amount with its currency and all its decimals, at least two."""
        pattern = Locale.parse(self.locale).currency_formats["standard"].pattern
        written = format_currency(
            amount,
            self.currency,
            format=pattern.replace("0.00", "0.00##########"),
            locale=self.locale,
            currency_digits=False,
        )
        return written.replace("\u202f", NO_BREAK)

    def number(self, value: Decimal) -> str:
        """A number with the decimals it has."""
        written = format_decimal(value.normalize(), "#,##0.############", locale=self.locale)
        return written.replace("\u202f", NO_BREAK)

    def day(self, day: date) -> str:
        """A date in full."""
        return format_date(day, "long", locale=self.locale)

    def percent(self, rate: Decimal) -> str:
        """A rate in per cent."""
        return f"{self.number(rate)}{'' if self.language == 'en' else NO_BREAK}%"

    def country(self, code: str) -> str:
        """A country's name."""
        return str(Locale.parse(self.locale).territories.get(code, code))

    def code(self, kind: str, code: str) -> str:
        """What a code of `unit_codes`, `means_codes` or `category_codes` means."""
        return str(self.texts[kind].get(code, code))

    @property
    def locale(self) -> str:
        """Babel's name of the language."""
        return _LOCALES[self.language]


@cache
def _texts() -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / "texts.toml").read_text("utf-8"))
