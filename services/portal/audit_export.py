"""The table of actions as a spreadsheet: CSV streamed, XLSX in constant memory; formulas escaped."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

from services.portal.spreadsheet import BATCH, safe
from services.portal.spreadsheet import as_csv as written
from services.portal.store import audit
from services.portal.store.audit import AuditLine, Filter
from shared.database import Database

Cells = Callable[[AuditLine], list[str]]

HEAD = ("position", "happened_at", "actor", "name", "company", "action", "subject", "origin",
        "detail", "trace_id")  # fmt: skip


def plain(line: AuditLine) -> list[str]:
    """The line as cells, for programs."""
    return [
        str(line.position),
        line.happened_at.isoformat(),
        line.actor,
        line.actor_name,
        line.company_name,
        line.action,
        line.subject,
        line.origin,
        json.dumps(line.detail, ensure_ascii=False),
        line.trace_id,
    ]


def as_csv(
    db: Database, wanted: Filter, head: Sequence[str] = HEAD, cells: Cells = plain
) -> AsyncIterator[bytes]:
    """UTF-8 with a byte order mark, `;` between cells, as spreadsheets here expect."""
    return written(head, _rows(db, wanted, cells))


async def _rows(db: Database, wanted: Filter, cells: Cells) -> AsyncIterator[list[str]]:
    async with db.system_transaction() as conn:
        async for line in audit.stream(conn, wanted):
            yield cells(line)


async def as_xlsx(
    db: Database, wanted: Filter, head: Sequence[str] = HEAD, cells: Cells = plain
) -> Path:
    """A workbook in a temporary file (the caller removes it), written off the event loop."""
    import xlsxwriter

    rows = _rows(db, wanted, cells)
    first = await anext(rows, None)  # what the database refuses is refused before there are files
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="facteur-export-"))
    path = folder / "audit.xlsx"
    options: dict[str, Any] = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "tmpdir": str(folder),
    }
    book = xlsxwriter.Workbook(str(path), options)
    sheet = book.add_worksheet("audit")
    sheet.write_row(0, 0, head)
    batch = [first] if first is not None else []
    row = 1
    async for line in rows:
        batch.append(line)
        if len(batch) == BATCH:
            row = await asyncio.to_thread(_write, sheet, row, batch)
            batch = []
    await asyncio.to_thread(_write, sheet, row, batch)
    await asyncio.to_thread(book.close)
    return path


def _write(sheet: Any, row: int, batch: list[list[str]]) -> int:
    for line in batch:
        for column, cell in enumerate(line):
            sheet.write_string(row, column, safe(cell))
        row += 1
    return row
