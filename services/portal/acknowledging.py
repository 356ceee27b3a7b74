"""An operator has seen that the audit chain is broken: told as a fact, under a seal, and so recorded."""

from services.portal.audit import walk_along
from services.portal.checkpoints import SYSTEM, Keys, content_of
from services.portal.domain import acknowledged
from services.portal.domain.audit import Break
from services.portal.domain.checkpoints import CHAIN, TROUBLES, Checkpoints
from services.portal.store import audit
from shared import outbox
from shared.clock import Clock
from shared.contracts.portal import AcknowledgedBreak, AuditBreakAcknowledged
from shared.database import Database

MOST_WORDS = 300
"""An entry of the audit keeps no longer text."""


async def acknowledge(
    db: Database, keys: Keys, known: Checkpoints, operator: str, reason: str, clock: Clock
) -> list[Break]:
    """Announce what is broken and wasn't acknowledged before; returns that. The chain stands still
    meanwhile. LookupError, in the operator's words, where there is nothing to acknowledge, or nothing to
    judge it by."""
    if known.trouble in ("key", "broker"):
        raise LookupError(f"nothing is acknowledged unseen: {TROUBLES[known.trouble]}")
    if not 0 < len(reason.strip()) <= MOST_WORDS:
        raise LookupError(f"say the --reason, in at most {MOST_WORDS} characters")
    async with db.system_transaction() as conn:
        position, digest = await audit.lock_head(conn)
        walked, broken = await walk_along(conn, known)
        if not broken:
            raise LookupError("there is no break that wasn't acknowledged")
        if len(broken) > acknowledged.MOST:
            raise LookupError(f"{len(broken)} breaks are too many to be acknowledged")
        said = AuditBreakAcknowledged(
            chain_id=CHAIN, position=position, hash=digest.hex(), agreed=walked.agreed,
            breaks=[AcknowledgedBreak(**vars(each)) for each in broken], operator=operator,
            reason=reason.strip(), acknowledged_at=clock(), seal="",
        )  # fmt: skip
        seal = acknowledged.seal(keys.acknowledgements[-1], content_of(said))
        said = said.model_copy(update={"seal": seal})
        await outbox.append(conn, said, actor=SYSTEM, aggregate_version=position, clock=clock)
    return broken
