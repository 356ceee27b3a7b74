"""How values look in a page: amounts, days, moments, durations; in the reader's language."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal

ZONE = ZoneInfo("Europe/Paris")
"""France and Belgium share it."""

LOCALES = {"fr": "fr_FR", "nl": "nl_BE", "en": "en_GB"}


def money(
    value: Decimal | str | None, currency: str, language: str, *, to_the_cent: bool = True
) -> str:
    """`1 234,50 €`; what isn't a number is shown as it is."""
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return str(value or "")
    locale = LOCALES[language]
    try:
        return str(
            format_currency(
                amount, currency or "EUR", locale=locale, decimal_quantization=to_the_cent
            )
        )
    except (ValueError, LookupError):
        return f"{amount} {currency}"


def unit_price(value: Decimal | str | None, currency: str, language: str) -> str:
    """The same for what one unit costs, with all the decimals that it has (BT-146)."""
    return money(value, currency, language, to_the_cent=False)


def number(value: Decimal | str | float, language: str) -> str:
    """A number with the language's decimal sign, as many decimals as it has."""
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return str(value)
    return str(format_decimal(amount, locale=LOCALES[language], decimal_quantization=False))


def typed(value: str, language: str) -> str:
    """A plain number as one types it in this language; what isn't one stays as it was typed."""
    plain = value.isascii() and value.lstrip("-").replace(".", "", 1).isdecimal()
    return value.replace(".", ",") if plain and language != "en" else value


def day(value: date | str | None, language: str) -> str:
    """A date, short."""
    found = date.fromisoformat(value) if isinstance(value, str) and value else value
    if not isinstance(found, date):
        return ""
    return str(format_date(found, "dd/MM/y", locale=LOCALES[language]))


def moment(value: datetime | str | None, language: str, *, seconds: bool = False) -> str:
    """Day and time in France and Belgium; a text that isn't a moment is shown as it is."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) and value else value
    except ValueError:
        return str(value)
    if not isinstance(found, datetime):
        return ""
    local = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(ZONE)
    pattern = "dd/MM/y HH:mm:ss" if seconds else "dd/MM/y HH:mm"
    return str(format_datetime(local, pattern, locale=LOCALES[language]))


def duration(value: timedelta | float | None, language: str) -> str:
    """`850 ms`, `2,3 s`, `4 min`, `3 h`, `2 d`; an empty string for None."""
    if value is None:
        return ""
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if seconds < 1:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    if seconds < 120:
        return f"{number(f'{seconds:.1f}', language)} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    if seconds < 172_800:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86_400:.0f} {'j' if language == 'fr' else 'd'}"


_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox", "Firefox"),
    ("Chrom", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"),
    ("Mac OS", "macOS"), ("Linux", "Linux"),
)  # fmt: skip


def browser(agent: str, language: str) -> str:  # noqa: ARG001 — names are the same in all languages
    """`Firefox · Linux`; an empty string for what isn't a browser."""
    names = [
        next((name for mark, name in known if mark in agent), "") for known in (_BROWSERS, _SYSTEMS)
    ]
    return " · ".join(name for name in names if name)


def filters() -> dict[str, Any]:
    """By the names that templates use."""
    return {
        "money": money,
        "unit_price": unit_price,
        "number": number,
        "typed": typed,
        "day": day,
        "moment": moment,
        "duration": duration,
        "browser": browser,
    }
