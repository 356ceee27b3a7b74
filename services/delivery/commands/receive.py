"""Receiving from Peppol: message, receipt and news commit together, before the receipt is sent."""

import base64
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.delivery.peppol.as4_in import Accepted, Receiver, Rejected
from services.delivery.peppol.errors import INCONSISTENT, NOT_SERVICED, OTHER
from services.delivery.peppol.signals import acknowledges
from services.delivery.store import received
from services.delivery.store.received import ReceivedRow, StoredReceipt
from shared import metrics, outbox
from shared.clock import Clock
from shared.contracts.billing import Document
from shared.contracts.delivery import DocumentReceived
from shared.database import AWAY, Connection, Database
from shared.einvoice.rules import (
    RuleSetMissing,
    Validator,
    ValidatorBroken,
    ValidatorBusy,
    applicable_sets,
    refused,
)
from shared.einvoice.syntax import ubl
from shared.einvoice.xml import XmlRefused
from shared.events import Actor
from shared.failpoints import failpoint
from shared.ids import new_id

log = logging.getLogger(__name__)

ID_USED = "another document came under this MessageId before: give this one an id of its own"


@dataclass(frozen=True)
class Answer:
    """What goes back to the sending access point."""

    body: bytes
    content_type: str


@dataclass(frozen=True)
class Judged:
    """What a received document says, and what the rules say of it."""

    number: str
    seller_name: str
    amount_due: str
    currency: str
    findings: list[dict[str, Any]]
    quarantined: bool


@dataclass(frozen=True)
class Reception:
    """The receiving side of our access point."""

    db: Database
    receiver: Receiver
    validator: Validator
    clock: Clock

    async def receive(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer one AS4 message; the same message gets the same receipt."""
        opened = await self.receiver.receive(headers, body)
        if isinstance(opened, Rejected):
            log.warning(
                "AS4 message %s refused: %s %s", opened.message_id, opened.code, opened.words
            )
            return Answer(opened.signal, opened.content_type)
        try:
            return await self._store(opened)
        except (*AWAY, ValidatorBusy, RuleSetMissing) as error:
            log.warning("AS4 message %s not stored: %s", opened.message_id, type(error).__name__)
            signal = self.receiver.not_stored(opened.message_id)
            return Answer(signal.signal, signal.content_type)

    async def _store(self, opened: Accepted) -> Answer:
        async with self.db.system_transaction() as conn:
            known = await received.receipt_for(conn, opened.sent_by, opened.message_id)
            companies = await received.companies_of(conn, str(opened.envelope.receiver))
        if known is not None:
            return self._answered(opened, known)
        if len(companies) != 1:
            if companies:
                log.error("%s belongs to more than one company: nothing is taken for it",
                          opened.envelope.receiver)  # fmt: skip
            refusal = self.receiver.reject(OTHER, NOT_SERVICED, opened.message_id)
            return Answer(refusal.signal, refusal.content_type)
        judged = await judge(self.validator, opened.document)
        failpoint("receive.before_store")
        async with self.db.system_transaction() as conn:
            state = await self._keep(conn, opened, companies[0], judged)
            failpoint("receive.before_commit")
        failpoint("receive.after_commit")
        metrics.received.add(1, {"state": state})
        async with self.db.system_transaction() as conn:
            kept = await received.receipt_for(conn, opened.sent_by, opened.message_id)
        assert kept is not None  # noqa: S101 — committed above, or by the same message's other copy
        return self._answered(opened, kept)

    def _answered(self, opened: Accepted, kept: StoredReceipt) -> Answer:
        """The receipt that is kept; a new one where the sender signed the same document anew under
        the same id, since it couldn't make anything of the old one."""
        same = kept.receipt == opened.receipt
        if same or acknowledges(kept.receipt) == acknowledges(opened.receipt):
            return Answer(kept.receipt, kept.content_type)
        said = (opened.document_sha256, str(opened.envelope.receiver))
        if (kept.sha256, kept.receiver) == said:
            return Answer(opened.receipt, opened.content_type)
        refusal = self.receiver.reject(INCONSISTENT, ID_USED, opened.message_id)
        return Answer(refusal.signal, refusal.content_type)

    async def _keep(self, conn: Connection, opened: Accepted, company: UUID, judged: Judged) -> str:
        """Store it, and tell of it when it is accepted; returns the state that it got."""
        sender, instance = str(opened.envelope.sender), opened.envelope.instance_identifier
        await conn.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"{sender} {instance}"
        )
        again = await received.known_instance(conn, sender, instance)
        state = "duplicate" if again else "quarantined" if judged.quarantined else "accepted"
        row = ReceivedRow(
            document_id=new_id(),
            company_id=company,
            message_id=opened.message_id,
            instance_id=instance,
            sender=sender,
            receiver=str(opened.envelope.receiver),
            sent_by=opened.sent_by,
            document_type=str(opened.envelope.document_type),
            number=judged.number,
            seller_name=judged.seller_name,
            amount_due=judged.amount_due,
            currency=judged.currency,
            state=state,
            findings=judged.findings,
            sha256=opened.document_sha256,
            received_at=self.clock(),
        )
        answer = StoredReceipt(opened.receipt, opened.content_type, row.sha256, row.receiver)
        if await received.add(conn, row, opened.document, answer) and state == "accepted":
            actor = Actor(kind="peer", id=opened.sent_by)
            await outbox.append(conn, _news(row, opened.document), actor=actor, aggregate_version=1)
        return state


async def judge(validator: Validator, document: bytes) -> Judged:
    """Read the document's face and apply the official rules; what fails is quarantined.

    So is what kills whoever judges it: asked for again, it would do so again.
    """
    try:
        face = ubl.inspect(document)
        with metrics.timed(metrics.rules_time):
            findings = await validator.validate(document, applicable_sets(face))
    except (ubl.UblError, XmlRefused) as error:
        return _unreadable("UBL", error)
    except ValidatorBroken as error:
        log.exception("a received document kills the rule workers: it is quarantined")
        return _unreadable("not-evaluated", error)
    return Judged(
        number=face.number or "",
        seller_name=face.seller.name or "",
        amount_due=str(face.amount_due if face.amount_due is not None else ""),
        currency=face.currency or "",
        findings=[f.model_dump(mode="json") for f in findings],
        quarantined=refused(findings),
    )


def _unreadable(rule: str, error: Exception) -> Judged:
    finding = {"rule": rule, "severity": "fatal", "message": str(error)}
    return Judged("", "", "", "", [finding], quarantined=True)


def _news(row: ReceivedRow, document: bytes) -> DocumentReceived:
    return DocumentReceived(
        document_id=row.document_id,
        company_id=row.company_id,
        sender=row.sender,
        receiver=row.receiver,
        instance_id=row.instance_id,
        document_type=row.document_type,
        number=row.number,
        seller_name=row.seller_name,
        amount_due=row.amount_due,
        currency=row.currency,
        received_at=row.received_at,
        document=Document(
            name=f"{row.document_id}.xml",
            media_type="application/xml",
            sha256=row.sha256,
            content=base64.b64encode(document),
        ),
    )
