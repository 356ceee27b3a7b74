"""Idempotency keys on writes: the same key twice gives one effect and the same answer."""

import hashlib
from dataclasses import dataclass
from typing import Any

from shared.database import Connection
from shared.problems import Conflict, Invalid

MAX_KEY = 200


@dataclass(frozen=True)
class Answer:
    """What the first request with a key was answered."""

    status: int
    body: Any


def digest(request: bytes) -> bytes:
    """What tells two requests under one key apart."""
    return hashlib.sha256(request).digest()


async def recall(conn: Connection, scope: str, key: str, request_hash: bytes) -> Answer | None:
    """The stored answer for `key`, or None: then do the work and `remember` in the same transaction.

    Takes a lock for the transaction, so that two requests with one key don't both do the work.
    Conflict when the key was used for another request.
    """
    if not key or len(key) > MAX_KEY:
        raise Invalid(f"Idempotency-Key must have 1 to {MAX_KEY} characters.")
    await conn.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended($1 || chr(31) || $2, 0))", scope, key
    )
    row = await conn.fetchrow(
        "SELECT request_hash, status, body FROM idempotency WHERE scope = $1 AND key = $2",
        scope,
        key,
    )
    if row is None:
        return None
    if row["request_hash"] != request_hash:
        raise Conflict(
            "This Idempotency-Key was used for a different request; make a new key.",
            slug="idempotency-key-reused",
        )
    return Answer(row["status"], row["body"])


async def remember(
    conn: Connection, scope: str, key: str, request_hash: bytes, answer: Answer
) -> None:
    """Store the answer with the effect."""
    await conn.execute(
        "INSERT INTO idempotency (scope, key, request_hash, status, body) VALUES ($1, $2, $3, $4, $5)",
        scope,
        key,
        request_hash,
        answer.status,
        answer.body,
    )
