"""What delivery shows. Secrets are never shown again; a way only says whether it has one."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.delivery.channels.registry import fingerprint
from services.delivery.store import deliveries, received, receptions, work
from services.delivery.store.deliveries import DeliveryRow
from services.delivery.store.received import ReceivedRow
from services.delivery.store.receptions import WayRow
from services.delivery.store.work import AttemptRow
from shared.database import Connection, Database
from shared.problems import NotFound

PAGE = 200


def way_view(row: WayRow) -> dict[str, Any]:
    """One way to receive."""
    return {
        "channel": row.channel,
        "target": row.target,
        "settings": row.route,
        "has_password": row.has_password,
        "public_key": _public_key(row),
    }


def _public_key(row: WayRow) -> dict[str, str] | None:
    """Of the private key that the way signs in with: for the server's `authorized_keys`, and to compare."""
    if row.public_key is None:
        return None
    return {"openssh": row.public_key, "fingerprint": fingerprint(row.public_key)}


def shown_ways(rows: list[WayRow], *, peppol: bool) -> list[dict[str, Any]]:
    """Ways to receive; those over Peppol only for whoever uses that app."""
    return [way_view(row) for row in rows if peppol or row.channel != "peppol"]


def attempt_view(row: AttemptRow) -> dict[str, Any]:
    """One attempt, in the peer's own words."""
    return {
        "attempt": row.attempt,
        "kind": row.kind,
        "started_at": row.started_at.isoformat(),
        "ended_at": row.ended_at.isoformat(),
        "outcome": row.outcome,
        "code": row.code,
        "words": row.words,
        "proof": row.proof,
    }


def delivery_view(row: DeliveryRow, attempts: list[AttemptRow]) -> dict[str, Any]:
    """One delivery and its attempts."""
    return {
        "delivery_id": str(row.delivery_id),
        "invoice_id": str(row.invoice_id),
        "channel": row.channel,
        "target": row.target,
        "state": row.state,
        "next_attempt_at": row.next_attempt_at.isoformat(),
        "parked": row.parked,
        "resend_of": str(row.resend_of) if row.resend_of else None,
        "created_at": row.created_at.isoformat(),
        "attempts": [attempt_view(a) for a in attempts],
    }


def received_view(row: ReceivedRow) -> dict[str, Any]:
    """One purchase."""
    return {
        "document_id": str(row.document_id),
        "number": row.number,
        "seller_name": row.seller_name,
        "sender": row.sender,
        "amount_due": row.amount_due,
        "currency": row.currency,
        "state": row.state,
        "findings": row.findings,
        "instance_id": row.instance_id,
        "received_at": row.received_at.isoformat(),
    }


async def reception(
    db: Database, company_id: UUID, customer_id: UUID, *, peppol: bool
) -> dict[str, Any]:
    """How a customer receives; ways over Peppol only for whoever uses that app."""
    async with db.transaction(company_id) as conn:
        rows = await receptions.ways(conn, company_id, customer_id)
    if not rows:
        raise NotFound("No reception settings yet.")
    return {"customer_id": str(customer_id), "ways": shown_ways(rows, peppol=peppol)}


@dataclass(frozen=True)
class Wanted:
    """Which deliveries to show: `limit` of them from the one that follows `after`, the last one seen."""

    state: str | None = None
    invoice_id: UUID | None = None
    after: UUID | None = None
    limit: int = PAGE
    parked: bool | None = None


async def find_deliveries(
    db: Database, company_id: UUID, wanted: Wanted
) -> tuple[list[dict[str, Any]], bool]:
    """Deliveries, newest first, with their attempts; and whether there are more."""
    async with db.transaction(company_id) as conn:
        after = await _place_of(conn, company_id, wanted.after)
        rows = await deliveries.listed(
            conn,
            company_id,
            wanted.state,
            wanted.invoice_id,
            after,
            wanted.limit + 1,
            wanted.parked,
        )
        shown, more = rows[: wanted.limit], len(rows) > wanted.limit
        made = await work.attempts(conn, company_id, [r.delivery_id for r in shown])
    views = [delivery_view(r, [a for a in made if a.delivery_id == r.delivery_id]) for r in shown]
    return views, more


async def _place_of(
    conn: Connection, company_id: UUID, delivery_id: UUID | None
) -> tuple[datetime, UUID] | None:
    if delivery_id is None:
        return None
    planned = await deliveries.planned_at(conn, company_id, delivery_id)
    if planned is None:
        raise NotFound("`after` names no delivery of this company.")
    return planned, delivery_id


async def purchases(db: Database, company_id: UUID, state: str) -> list[dict[str, Any]]:
    """Documents received from the network."""
    async with db.transaction(company_id) as conn:
        return [received_view(row) for row in await received.listed(conn, company_id, state, PAGE)]
