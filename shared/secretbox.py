"""Secrets at rest: AES-256-GCM with a key id, the row's id as associated data."""

import base64
import os
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
NONCE_BYTES = 12


class Unreadable(Exception):
    """The secret was sealed with a key that isn't here, or for another row."""


@dataclass(frozen=True)
class SecretBox:
    """Seals and opens with the newest key; older keys still open (rotation)."""

    keys: tuple[bytes, ...]

    def seal(self, secret: bytes, row: UUID) -> bytes:
        """`1 byte key number ‖ nonce ‖ ciphertext and tag`, bound to `row`."""
        number = len(self.keys) - 1
        nonce = os.urandom(NONCE_BYTES)
        return bytes([number]) + nonce + AESGCM(self.keys[number]).encrypt(nonce, secret, row.bytes)

    def open(self, sealed: bytes, row: UUID) -> bytes:
        """The secret; Unreadable when the key or the row is another."""
        number, nonce, rest = sealed[0], sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        if number >= len(self.keys):
            raise Unreadable
        try:
            return AESGCM(self.keys[number]).decrypt(nonce, rest, row.bytes)
        except InvalidTag as error:
            raise Unreadable from error

    def derived(self, purpose: str) -> tuple[bytes, ...]:
        """Keys for something else than sealing, one of each master key in their order (HKDF, RFC 5869)."""
        info = purpose.encode()
        return tuple(HKDF(SHA256(), KEY_BYTES, None, info).derive(key) for key in self.keys)

    def stale(self, sealed: bytes) -> bool:
        """Whether `sealed` was made with an older key than the newest."""
        return sealed[0] != len(self.keys) - 1


def load_box(path: Path) -> SecretBox:
    """Read the master keys: one base64 line each, oldest first, 32 bytes; ValueError otherwise."""
    keys = tuple(base64.b64decode(line) for line in path.read_text().split())
    if not keys or any(len(key) != KEY_BYTES for key in keys):
        raise ValueError(f"{path} must hold base64 lines of {KEY_BYTES} bytes")
    return SecretBox(keys)


def add_key(path: Path) -> None:
    """Append a new master key to `path` (made with mode 0600 when absent)."""
    line = base64.b64encode(os.urandom(KEY_BYTES)) + b"\n"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(fd, "ab") as file:
        file.write(line)
