"""Mass deployments: the order, and one row a company with what was foreseen and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.database import Connection


@dataclass(frozen=True)
class DeploymentRow:
    deployment_id: UUID
    firm_id: UUID
    enabled: bool
    profiles: list[str]
    actor: str
    membership_id: UUID
    traceparent: str | None
    origin: str
    retry_of: UUID | None
    proposed_at: datetime
    confirmed_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True)
class ItemRow:
    deployment_id: UUID
    position: int
    company_id: UUID
    name: str
    token: str
    foreseen: str
    gains: int
    loses: int
    keeps: int
    reason: str
    fields: list[str]
    outcome: str | None
    settled_at: datetime | None


@dataclass(frozen=True)
class Count:
    """How many companies were foreseen to end in a state, how many did, and the users concerned."""

    foreseen: str
    outcome: str | None
    companies: int
    gains: int
    loses: int


async def add(conn: Connection, row: DeploymentRow, items: Sequence[ItemRow]) -> None:
    """A proposal; nothing is changed by it."""
    await conn.execute(
        "INSERT INTO deployment (deployment_id, firm_id, enabled, profiles, actor, membership_id, traceparent, "
        "origin, retry_of, proposed_at, confirmed_at, ended_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        row.deployment_id,
        row.firm_id,
        row.enabled,
        row.profiles,
        row.actor,
        row.membership_id,
        row.traceparent,
        row.origin,
        row.retry_of,
        row.proposed_at,
        row.confirmed_at,
        row.ended_at,
    )
    await conn.executemany(
        "INSERT INTO deployment_item (deployment_id, position, company_id, name, token, foreseen, gains, "
        "loses, keeps, reason, fields, outcome, settled_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        [
            (
                i.deployment_id, i.position, i.company_id, i.name, i.token, i.foreseen, i.gains, i.loses,
                i.keeps, i.reason, i.fields, i.outcome, i.settled_at,
            )
            for i in items
        ],
    )  # fmt: skip


async def get(conn: Connection, firm_id: UUID, deployment_id: UUID) -> DeploymentRow | None:
    record = await conn.fetchrow(
        "SELECT deployment_id, firm_id, enabled, profiles, actor, membership_id, traceparent, origin, retry_of, "
        "proposed_at, confirmed_at, ended_at FROM deployment WHERE firm_id = $1 AND deployment_id = $2",
        firm_id,
        deployment_id,
    )
    return DeploymentRow(**record) if record else None


async def lock(conn: Connection, firm_id: UUID, deployment_id: UUID) -> DeploymentRow | None:
    """The same, held: it is confirmed once."""
    record = await conn.fetchrow(
        "SELECT deployment_id, firm_id, enabled, profiles, actor, membership_id, traceparent, origin, retry_of, "
        "proposed_at, confirmed_at, ended_at FROM deployment WHERE firm_id = $1 AND deployment_id = $2 FOR UPDATE",
        firm_id,
        deployment_id,
    )
    return DeploymentRow(**record) if record else None


async def recent(conn: Connection, firm_id: UUID, limit: int) -> list[DeploymentRow]:
    """Those that were confirmed, newest first."""
    records = await conn.fetch(
        "SELECT deployment_id, firm_id, enabled, profiles, actor, membership_id, traceparent, origin, retry_of, "
        "proposed_at, confirmed_at, ended_at FROM deployment WHERE firm_id = $1 AND confirmed_at IS NOT NULL "
        "ORDER BY confirmed_at DESC LIMIT $2",
        firm_id,
        limit,
    )
    return [DeploymentRow(**record) for record in records]


async def counts(conn: Connection, deployment_id: UUID) -> list[Count]:
    records = await conn.fetch(
        "SELECT foreseen, outcome, count(*) AS companies, sum(gains)::int AS gains, sum(loses)::int AS loses "
        "FROM deployment_item WHERE deployment_id = $1 GROUP BY foreseen, outcome",
        deployment_id,
    )
    return [Count(**record) for record in records]


async def items(
    conn: Connection, deployment_id: UUID, state: str, after: int, limit: int
) -> list[ItemRow]:
    """In order, from the one after position `after` on; `state` is an outcome, or one foreseen while
    there is none yet; empty: all."""
    records = await conn.fetch(
        "SELECT deployment_id, position, company_id, name, token, foreseen, gains, loses, keeps, reason, fields, "
        "outcome, settled_at FROM deployment_item WHERE deployment_id = $1 AND position > $2 "
        "AND ($3 = '' OR coalesce(outcome, foreseen) = $3) ORDER BY position LIMIT $4",
        deployment_id,
        after,
        state,
        limit,
    )
    return [ItemRow(**record) for record in records]


async def tokens(conn: Connection, deployment_id: UUID) -> dict[UUID, str]:
    """What the warning showed of each company."""
    records = await conn.fetch(
        "SELECT company_id, token FROM deployment_item WHERE deployment_id = $1 ORDER BY position",
        deployment_id,
    )
    return {record["company_id"]: record["token"] for record in records}


async def refused(conn: Connection, deployment_id: UUID) -> list[UUID]:
    """The companies where nothing was changed because something is missing or changed meanwhile."""
    records = await conn.fetch(
        "SELECT company_id FROM deployment_item WHERE deployment_id = $1 AND outcome = 'refused' "
        "ORDER BY position",
        deployment_id,
    )
    return [record["company_id"] for record in records]


async def confirm(conn: Connection, deployment_id: UUID, row: DeploymentRow, now: datetime) -> None:
    """From here on the portal works it off; the trace and origin are those of the confirmation."""
    await conn.execute(
        "UPDATE deployment SET confirmed_at = $2, actor = $3, membership_id = $4, traceparent = $5, origin = $6 "
        "WHERE deployment_id = $1 AND confirmed_at IS NULL",
        deployment_id,
        now,
        row.actor,
        row.membership_id,
        row.traceparent,
        row.origin,
    )


async def remove(conn: Connection, deployment_id: UUID) -> None:
    """A proposal that nobody confirmed."""
    await conn.execute(
        "DELETE FROM deployment WHERE deployment_id = $1 AND confirmed_at IS NULL", deployment_id
    )


async def forget_proposals(conn: Connection, before: datetime) -> None:
    """Warnings that nobody answered."""
    await conn.execute(
        "DELETE FROM deployment WHERE confirmed_at IS NULL AND proposed_at < $1", before
    )


async def open_ones(conn: Connection) -> list[DeploymentRow]:
    """Confirmed and not at their end, oldest first."""
    records = await conn.fetch(
        "SELECT deployment_id, firm_id, enabled, profiles, actor, membership_id, traceparent, origin, retry_of, "
        "proposed_at, confirmed_at, ended_at FROM deployment "
        "WHERE confirmed_at IS NOT NULL AND ended_at IS NULL ORDER BY confirmed_at"
    )
    return [DeploymentRow(**record) for record in records]


async def lease(conn: Connection, deployment_id: UUID, limit: int) -> list[ItemRow]:
    """The next companies, held until the transaction ends; another process takes others."""
    records = await conn.fetch(
        "SELECT deployment_id, position, company_id, name, token, foreseen, gains, loses, keeps, reason, fields, "
        "outcome, settled_at FROM deployment_item WHERE deployment_id = $1 AND outcome IS NULL "
        "ORDER BY position LIMIT $2 FOR UPDATE SKIP LOCKED",
        deployment_id,
        limit,
    )
    return [ItemRow(**record) for record in records]


async def settle(conn: Connection, settled: Sequence[ItemRow]) -> None:
    """What came of each."""
    await conn.executemany(
        "UPDATE deployment_item SET outcome = $3, reason = $4, fields = $5, settled_at = $6 "
        "WHERE deployment_id = $1 AND position = $2 AND outcome IS NULL",
        [
            (i.deployment_id, i.position, i.outcome, i.reason, i.fields, i.settled_at)
            for i in settled
        ],
    )


async def end_if_over(conn: Connection, deployment_id: UUID, now: datetime) -> None:
    """No company is left to settle."""
    await conn.execute(
        "UPDATE deployment SET ended_at = $2 WHERE deployment_id = $1 AND ended_at IS NULL "
        "AND NOT EXISTS (SELECT FROM deployment_item i WHERE i.deployment_id = $1 AND i.outcome IS NULL)",
        deployment_id,
        now,
    )


async def pulses(conn: Connection, deployment_ids: list[UUID]) -> dict[UUID, int]:
    """A number that grows with everything that happens to a deployment."""
    records = await conn.fetch(
        "SELECT d.deployment_id, (d.confirmed_at IS NOT NULL)::int + (d.ended_at IS NOT NULL)::int "
        "+ (SELECT count(i.outcome) FROM deployment_item i WHERE i.deployment_id = d.deployment_id) AS pulse "
        "FROM deployment d WHERE d.deployment_id = ANY($1)",
        deployment_ids,
    )
    return {record["deployment_id"]: record["pulse"] for record in records}
