"""Identifiers: UUIDv7 (RFC 9562), so that keys of one table grow in the order of time."""

from uuid import UUID

import uuid6


def new_id() -> UUID:
    """A new UUIDv7 as a plain `uuid.UUID` (asyncpg and pydantic take no subclass by surprise)."""
    return UUID(int=uuid6.uuid7().int)
