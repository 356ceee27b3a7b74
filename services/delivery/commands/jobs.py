"""What an attempt works with: the facts, documents and secrets kept when its delivery was planned."""

from collections.abc import Awaitable, Callable
from typing import Any

from services.delivery.domain.envelope_ids import PURPOSE, envelope_id
from services.delivery.domain.outcome import Attachment, Job
from services.delivery.domain.reports import judge
from services.delivery.domain.secrets import unpacked
from services.delivery.store import reports, work
from services.delivery.store.work import Leased
from shared.database import Database
from shared.secretbox import SecretBox, Unreadable


class Unusable(Exception):
    """What is kept of a delivery can't be used; the words say what the operator looks at."""


async def read_job(
    db: Database, box: SecretBox, leased: Leased, last_step: Callable[[], Awaitable[None]]
) -> Job:
    """The job of the attempt that is leased; Unusable when its material can't be read."""
    async with db.system_statement() as conn:
        found = await work.material(conn, leased.invoice_id)
    meta = await _reported(db, leased) if leased.channel == "email" else {}
    if found is None:
        raise Unusable(
            "the invoice's document isn't in delivery's database, though it was when this was planned: "
            "was the database restored? `facteur outbox republish billing --topic invoice.issued`"
        )
    facts, documents = found
    return Job(
        delivery_id=leased.delivery_id,
        invoice_id=leased.invoice_id,
        company_id=leased.company_id,
        attempt=attempt_of(leased),
        number=facts["number"],
        document_kind=facts["document_kind"],
        seller_name=facts["seller_name"],
        buyer_name=facts["buyer_name"],
        language=facts["language"],
        amount_due=facts["amount_due"],
        currency=facts["currency"],
        due_date=facts["due_date"],
        route=leased.route,
        secrets=_secrets(box, leased),
        original=_attachment(documents["original"]),
        readable=_attachment(documents["readable"]) if "readable" in documents else None,
        prepared=leased.prepared,
        meta=meta,
        last_step=last_step,
        envelope_id=_envelope_id(box, leased),
        may_have=leased.handed_over,
    )


def attempt_of(leased: Leased) -> int:
    """The number (from 1) of the attempt that is to be made, or to be settled."""
    return leased.attempt + 1 if leased.state == "leased" else leased.attempt


async def _reported(db: Database, leased: Leased) -> dict[str, str]:
    """What the reports on an e-mail say became of it; nothing of one that is still to be sent."""
    if leased.state != "settling":
        return {}
    async with db.system_statement() as conn:
        told = await reports.about(conn, leased.delivery_id)
    named = [leased.route.get(kind) or [] for kind in ("to", "cc", "bcc")]
    verdict = judge(told, sum(map(len, named)))
    if verdict is None:
        return {}
    hard = "true" if verdict.hard else "false"
    return {"report_fate": verdict.fate, "report_words": verdict.words, "report_hard": hard}


def _envelope_id(box: SecretBox, leased: Leased) -> str:
    if leased.channel != "email":
        return ""
    return envelope_id(box.derived(PURPOSE), leased.delivery_id)


def _secrets(box: SecretBox, leased: Leased) -> dict[str, str]:
    if leased.secrets is None or leased.secrets_row is None:
        return {}
    try:
        return unpacked(box.open(leased.secrets, leased.secrets_row))
    except Unreadable as error:
        raise Unusable(
            "the password or key of this way can't be opened with the master keys of this worker: give it "
            "the service's own DELIVERY_MASTER_KEY_FILE, with every line that was ever in it, and restart it"
        ) from error


def _attachment(document: dict[str, Any]) -> Attachment:
    return Attachment(
        name=str(document["name"]),
        media_type=str(document["media_type"]),
        content=bytes(document["content"]),
        sha256=str(document["sha256"]),
    )
