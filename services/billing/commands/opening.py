"""Who fetched an issued document: told, so that its history is whole."""

from typing import Literal

from services.billing.store.invoices import InvoiceRow
from shared import outbox
from shared.access.guard import Principal
from shared.contracts.billing import DocumentOpened
from shared.database import Database

AFTER_ISSUE_AND_RENDERING = 3


async def note_opening(
    db: Database, caller: Principal, row: InvoiceRow, form: Literal["original", "readable"]
) -> None:
    """`document.opened`."""
    event = DocumentOpened(
        invoice_id=row.invoice_id, company_id=row.company_id, number=row.number, form=form
    )
    async with db.transaction(caller.company_id) as conn:
        await outbox.append(
            conn, event, actor=caller.actor, aggregate_version=AFTER_ISSUE_AND_RENDERING
        )
