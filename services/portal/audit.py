"""The audit: a projection of every topic into one hash chain, in a lane of its own."""

from uuid import UUID

from services.portal.domain.audit import OMITTED, Break, Entry, Verification, detail_of, link
from services.portal.store import audit
from shared.contracts.registry import CONTRACTS
from shared.database import Connection, Database
from shared.events import Envelope, Event
from shared.messaging import Consumers

LANE = "audit"
UNRECORDED = frozenset({"signing_key.published"})


def listen_to_everything(consumers: Consumers) -> None:
    """Hear every topic, whoever else of the portal hears it too."""
    for topic, kind in CONTRACTS.items():
        if topic not in UNRECORDED:
            consumers.on(kind, lane=LANE)(record_action)


async def record_action(conn: Connection, event: Event, envelope: Envelope) -> None:
    """Append what happened to the chain; an event that is in it already changes nothing."""
    position, before = await audit.lock_head(conn)
    if await audit.knows(conn, envelope.event_id):
        return
    fields = event.model_dump(mode="json", exclude=set(OMITTED))
    company = envelope.company_id or _uuid(fields.get("company_id"))
    unsealed = Entry(
        position=position + 1,
        event_id=envelope.event_id,
        happened_at=envelope.time,
        company_id=company,
        actor=str(envelope.actor),
        action=_action(event, fields),
        subject=envelope.key,
        trace_id=envelope.trace_id,
        detail=detail_of(fields),
        hash=b"",
    )
    entry = Entry(**{**unsealed.__dict__, "hash": link(before, unsealed)})
    await audit.append(conn, entry)
    await audit.move_head(conn, entry.position, entry.hash)


async def verify_chain(db: Database) -> list[Break]:
    """Each break of the chain, located; empty when it holds."""
    async with db.system_transaction() as conn:
        position, digest = await audit.head(conn)
        verification = Verification()
        async for entry in audit.walk(conn):
            verification.feed(entry)
    return verification.finish(position, digest)


def _action(event: Event, fields: dict[str, object]) -> str:
    """The topic says what happened; a recorded action says it itself."""
    return str(fields.get("action") or event.topic)


def _uuid(value: object) -> UUID | None:
    return UUID(str(value)) if value else None
