"""What a way keeps that is secret, as it is sealed: a password, a private key, or both."""

import json
from collections.abc import Mapping

_SEVERAL = b"\0"
"""Begins what is no password by itself."""


def packed(secrets: Mapping[str, str]) -> bytes:
    """The bytes to seal. A password alone is those of the password."""
    password = secrets.get("password", "")
    if set(secrets) == {"password"} and not password.startswith("\0"):
        return password.encode()
    return _SEVERAL + json.dumps(dict(secrets)).encode()


def unpacked(opened: bytes) -> dict[str, str]:
    """The same by name."""
    if not opened.startswith(_SEVERAL):
        return {"password": opened.decode()}
    found: dict[str, str] = json.loads(opened[1:])
    return found
