"""The table of actions as a spreadsheet: CSV streamed, XLSX in constant memory; formulas escaped."""

import asyncio
import csv
import io
import json
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from services.portal.store import audit
from services.portal.store.audit import AuditLine, Filter
from shared.database import Database

HEAD = ("position", "happened_at", "actor", "name", "action", "subject", "trace_id", "detail")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
BATCH = 500


def safe(cell: str) -> str:
    """A cell that a spreadsheet takes as text, never as a formula."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def cells(line: AuditLine) -> list[str]:
    """The line as text cells."""
    return [
        str(line.position),
        line.happened_at.isoformat(),
        safe(line.actor),
        safe(line.actor_name),
        safe(line.action),
        safe(line.subject),
        safe(line.trace_id),
        safe(json.dumps(line.detail, ensure_ascii=False)),
    ]


async def as_csv(db: Database, wanted: Filter) -> AsyncIterator[bytes]:
    """UTF-8 with a byte order mark, `;` between cells, as spreadsheets here expect."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=";")
    buffer.write("\ufeff")
    writer.writerow(HEAD)
    async with db.system_transaction() as conn:
        count = 0
        async for line in audit.stream(conn, wanted):
            writer.writerow(cells(line))
            count += 1
            if count % BATCH == 0:
                yield _taken(buffer)
    yield _taken(buffer)


def _taken(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode()


async def as_xlsx(db: Database, wanted: Filter) -> Path:
    """A workbook in a temporary file (the caller removes it), written off the event loop."""
    import xlsxwriter

    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="facteur-export-"))
    path = folder / "audit.xlsx"
    options: dict[str, Any] = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "tmpdir": str(folder),
    }
    book = xlsxwriter.Workbook(str(path), options)
    sheet = book.add_worksheet("audit")
    sheet.write_row(0, 0, HEAD)
    async with db.system_transaction() as conn:
        batch: list[list[str]] = []
        row = 1
        async for line in audit.stream(conn, wanted):
            batch.append(cells(line))
            if len(batch) == BATCH:
                row = await asyncio.to_thread(_write, sheet, row, batch)
                batch = []
        await asyncio.to_thread(_write, sheet, row, batch)
    await asyncio.to_thread(book.close)
    return path


def _write(sheet: Any, row: int, batch: list[list[str]]) -> int:
    for line in batch:
        for column, cell in enumerate(line):
            sheet.write_string(row, column, cell)
        row += 1
    return row
