"""Codes of an authenticator app: half a minute each, one before and one after, each once."""

from datetime import UTC, datetime

import pyotp
import pytest

from services.identity.domain import totp

SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
NOW = datetime.fromtimestamp(1_111_111_109, UTC)
STEP = 1_111_111_109 // 30


def shown(steps: int) -> str:
    """What an app shows whose clock is so many half minutes ahead."""
    return pyotp.TOTP(SECRET).generate_otp(STEP + steps)


@pytest.mark.parametrize("steps", [-1, 0, 1])
def test_clocks_may_differ_by_half_a_minute(steps: int) -> None:
    assert totp.matching_step(SECRET, shown(steps), NOW, 0) == STEP + steps


@pytest.mark.parametrize("steps", [-20, -2, 2, 20])
def test_and_by_no_more(steps: int) -> None:
    assert totp.matching_step(SECRET, shown(steps), NOW, 0) is None


def test_a_code_that_was_used_and_every_older_one_is_over() -> None:
    assert totp.matching_step(SECRET, shown(0), NOW, STEP) is None
    assert totp.matching_step(SECRET, shown(-1), NOW, STEP) is None
    assert totp.matching_step(SECRET, shown(1), NOW, STEP) == STEP + 1


def test_recovery_codes_are_ten_and_no_two_alike() -> None:
    made = [code for _ in range(20) for code in totp.new_recovery_codes()]
    assert len(set(made)) == len(made) == 200
    assert all(len(code) == 11 for code in made)
