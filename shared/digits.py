"""Whole numbers written by others: `str.isdigit` takes ² and ٣, `int` takes _ and blanks; these don't."""


def whole(text: str, most: int = 999_999_999) -> int | None:
    """The number when the text is ASCII digits alone, at most as long as `most`, and not above it."""
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(most))):
        return None
    number = int(text)
    return number if number <= most else None
