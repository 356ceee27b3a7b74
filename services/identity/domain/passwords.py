"""Passwords: argon2id with OWASP's parameters (t=2, 19 MiB). Those that are tried have two threads, new
ones another: whoever signs up doesn't keep anybody from signing in."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from services.identity.domain.errors import TooManyAttempts, WeakPassword

MIN_LENGTH = 12
T = TypeVar("T")

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2")
_new = ThreadPoolExecutor(max_workers=1, thread_name_prefix="new-passwords")
MOST_WAITING = 40
"""New passwords that wait for their turn: some seconds' work."""
_waiting = asyncio.BoundedSemaphore(MOST_WAITING)
_nobody = _hasher.hash("nobody signs in with this")


def wrong_password(password: str) -> str | None:
    """What is wrong with a new password, or None."""
    if len(password) < MIN_LENGTH:
        return f"must have at least {MIN_LENGTH} characters"
    if len(set(password)) < 5:
        return "must not repeat the same few characters"
    return None


def require_good(password: str, field: str = "password") -> None:
    """WeakPassword, naming the field, unless it will do."""
    if problem := wrong_password(password):
        raise WeakPassword(errors=[{"field": field, "message": problem}])


async def strength_of(password: str, *about: str) -> int:
    """0 (guessed at once) to 4 (very hard), by zxcvbn; `about`: what an attacker knows of the person."""
    return await _in_turn(_strength, password, about)


def _strength(password: str, about: tuple[str, ...]) -> int:
    from zxcvbn import zxcvbn

    return int(zxcvbn(password[:72], user_inputs=[word for word in about if word])["score"])


async def hash_password(password: str) -> str:
    """The argon2id hash to store."""
    return await _in_turn(_hasher.hash, password)


async def _in_turn(work: Callable[..., T], *given: object) -> T:
    if _waiting.locked():
        raise TooManyAttempts(headers={"Retry-After": "5"})
    async with _waiting:
        return await asyncio.get_running_loop().run_in_executor(_new, work, *given)


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
