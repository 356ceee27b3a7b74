"""How the reports on an e-mail name its delivery: by an id that nobody else can make.

It goes along as ENVID (RFC 3461, at most 100 characters) and in the Message-ID. A report comes by
unauthenticated mail: that it names an e-mail of ours shows that its writer has seen one.
"""

import hmac
from collections.abc import Sequence
from uuid import UUID

PURPOSE = "e-mail envelope ids"
"""Of the keys: SecretBox.derived."""
SEAL_DIGITS = 32


def envelope_id(keys: Sequence[bytes], delivery_id: UUID) -> str:
    """`<delivery>.<seal>`, by the newest key."""
    return f"{delivery_id}.{_seal(keys[-1], delivery_id)}"


def delivery_of(keys: Sequence[bytes], found: str) -> UUID | None:
    """The delivery that is meant; None unless one of the keys sealed the id."""
    name, _, seal = found.strip().lower().partition(".")
    try:
        delivery_id = UUID(name)
    except ValueError:
        return None
    wanted = [_seal(key, delivery_id) for key in keys]
    fits = [hmac.compare_digest(seal.encode(), one.encode()) for one in wanted]
    return delivery_id if any(fits) else None


def _seal(key: bytes, delivery_id: UUID) -> str:
    return hmac.digest(key, delivery_id.bytes, "sha256").hex()[:SEAL_DIGITS]
