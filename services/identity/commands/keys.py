"""The keys that tokens are signed with."""

import json
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from joserfc.jwk import OKPKey

from services.identity import announce
from services.identity.store import keys
from shared.clock import Clock
from shared.database import Connection
from shared.ids import new_id
from shared.secretbox import SecretBox

SIGNS_FOR = timedelta(days=30)
OUTLIVES = timedelta(days=1)
"""A key verifies longer than it signs, so that a rotation refuses nobody."""
SETTLES = timedelta(seconds=10)
"""How long a new key is published before it signs: every service has heard of it by then."""
PREPARED = timedelta(days=1)
"""How long before a key's last day the next one is made."""
LOCK = 7_240_117


@dataclass(frozen=True)
class SigningKey:
    key_id: UUID
    key: OKPKey


async def signing_key(conn: Connection, box: SecretBox, clock: Clock) -> SigningKey:
    """The key that signs now; made and announced when there is none, the next one in good time."""
    now = clock()
    row = await keys.signing(conn, now, now - SETTLES)
    if row is None or row.signs_until < now + PREPARED:
        await conn.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        newest = await keys.newest(conn)
        if newest is None or newest < now + PREPARED:
            made = await _new_key(conn, box, clock)
            row = row or made
        row = row or await keys.signing(conn, now, now)
        assert row is not None  # noqa: S101 — one signs for longer than a day, or was just made
    private = json.loads(box.open(row.private_key, row.key_id))
    return SigningKey(row.key_id, OKPKey.import_key(private))


async def rotate_signing_key(conn: Connection, box: SecretBox, clock: Clock) -> UUID:
    """Sign with a new key, as soon as everybody has heard of it (SETTLES); the old one verifies until
    its tokens have expired."""
    await conn.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
    return (await _new_key(conn, box, clock)).key_id


async def _new_key(conn: Connection, box: SecretBox, clock: Clock) -> keys.KeyRow:
    key = OKPKey.generate_key("Ed25519")
    key_id, now = new_id(), clock()
    row = keys.KeyRow(
        key_id=key_id,
        public_key=json.dumps(key.as_dict(private=False)),
        private_key=box.seal(json.dumps(key.as_dict(private=True)).encode(), key_id),
        signs_until=now + SIGNS_FOR,
        expires_at=now + SIGNS_FOR + OUTLIVES,
    )
    await keys.add(conn, row, now)
    await announce.signing_key(conn, key_id, row.public_key, row.expires_at)
    return row
