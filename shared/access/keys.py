"""The published verification keys, kept in memory: however many tokens come, and with whatever key id,
the table is read a few times a second at most."""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from shared.access import store
from shared.database import Database
from shared.problems import Unauthenticated

KEPT_SECONDS = 2.0
"""How old what is kept may be: a key that ends early is refused after that."""
AGAIN_SECONDS = 0.1
"""How soon the table is read again for a key that isn't in it."""
WAIT_SECONDS = 1.0
"""How long a key is waited for that this service may not have heard of yet."""
MISSING_SECONDS = 5.0
"""How long one that didn't come isn't waited for again."""
MOST_MISSING = 1000


@dataclass
class Keys:
    """One a process."""

    _known: dict[UUID, tuple[dict[str, str], datetime]] = field(default_factory=dict)
    _read_at: float = float("-inf")
    _missing: dict[UUID, float] = field(default_factory=dict)
    """Key ids that nobody published, and until when they aren't waited for; oldest first."""
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def key(self, database: Database, key_id: UUID, now: datetime) -> dict[str, str]:
        """The key as a JWK; Unauthenticated for one that is unknown or has expired."""
        time = asyncio.get_running_loop().time
        asked = time()
        deadline = asked + WAIT_SECONDS
        while True:
            await self._read(database, key_id)
            public, expires = self._known.get(key_id, ({}, now))
            if expires > now:
                return public
            missed = self._missing.get(key_id, 0.0) > time() and self._read_at > asked
            if missed or time() > deadline:
                break
            await asyncio.sleep(AGAIN_SECONDS / 2)
        self._note_missing(key_id, time())
        raise Unauthenticated

    async def _read(self, database: Database, wanted: UUID) -> None:
        """All keys, unless they were just read; one reader at a time."""
        kept = KEPT_SECONDS if wanted in self._known else AGAIN_SECONDS
        time = asyncio.get_running_loop().time
        async with self._reading:
            if time() - self._read_at < kept:
                return
            async with database.pool.acquire() as conn:
                rows = await store.public_keys(conn)
            self._read_at = time()
            self._known = {row.key_id: (json.loads(row.public_key), row.expires_at) for row in rows}

    def _note_missing(self, key_id: UUID, now: float) -> None:
        self._missing.pop(key_id, None)
        self._missing[key_id] = now + MISSING_SECONDS
        while len(self._missing) > MOST_MISSING:
            del self._missing[next(iter(self._missing))]
