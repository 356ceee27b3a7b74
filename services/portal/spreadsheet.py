"""Rows for a spreadsheet: CSV as programs here expect it, and cells that are never formulas."""

import csv
import io
from collections.abc import AsyncIterator, Sequence

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""How formulas begin, in full width too: where such letters are typed, spreadsheets read them alike."""
BATCH = 500
CSV = "text/csv; charset=utf-8"


def safe(cell: str) -> str:
    """A cell that a spreadsheet takes as text, never as a formula (OWASP: CSV injection)."""
    begins = cell.startswith(FORMULA) or cell.lstrip().startswith(FORMULA)
    return f"'{cell}" if begins else cell


async def as_csv(head: Sequence[str], rows: AsyncIterator[Sequence[str]]) -> AsyncIterator[bytes]:
    """UTF-8 with a byte order mark, `;` between cells; some hundred rows at a time."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=";")
    buffer.write("\ufeff")
    writer.writerow(head)
    count = 0
    async for row in rows:
        writer.writerow([safe(cell) for cell in row])
        count += 1
        if count % BATCH == 0:
            yield _taken(buffer)
    yield _taken(buffer)


def _taken(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode()
