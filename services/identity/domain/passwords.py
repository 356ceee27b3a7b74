"""Passwords: argon2id with OWASP's parameters (t=2, 19 MiB), in at most two threads at a time."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MIN_LENGTH = 12

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2")
_nobody = _hasher.hash("nobody signs in with this")


def wrong_password(password: str) -> str | None:
    """What is wrong with a new password, or None."""
    if len(password) < MIN_LENGTH:
        return f"must have at least {MIN_LENGTH} characters"
    if len(set(password)) < 5:
        return "must not repeat the same few characters"
    return None


async def strength_of(password: str, *about: str) -> int:
    """0 (guessed at once) to 4 (very hard), by zxcvbn; `about`: what an attacker knows of the person."""
    return await asyncio.get_running_loop().run_in_executor(_threads, _strength, password, about)


def _strength(password: str, about: tuple[str, ...]) -> int:
    from zxcvbn import zxcvbn

    return int(zxcvbn(password[:72], user_inputs=[word for word in about if word])["score"])


async def hash_password(password: str) -> str:
    """The argon2id hash to store."""
    return await asyncio.get_running_loop().run_in_executor(_threads, _hasher.hash, password)


async def verify_password(stored: str | None, password: str) -> bool:
    """Whether `password` is right; takes as long when there is no such user."""
    right = await asyncio.get_running_loop().run_in_executor(
        _threads, _matches, stored or _nobody, password
    )
    return right and stored is not None


def _matches(stored: str, password: str) -> bool:
    try:
        return _hasher.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False
