"""Unguessable secrets: what is stored of them."""

import hashlib


def hash_secret(secret: str) -> bytes:
    """SHA-256 of a secret of 128 bits or more; such a secret needs no slow hash."""
    return hashlib.sha256(secret.encode()).digest()
