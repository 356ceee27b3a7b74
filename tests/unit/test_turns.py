"""One guess at a time, a few waiting, the rest refused; nobody else is kept waiting."""

import asyncio

import pytest

from services.identity.commands.turns import Turns
from services.identity.domain.errors import TooManyAttempts


async def test_guesses_at_one_account_are_judged_one_at_a_time() -> None:
    turns, inside, most, refused = Turns(most_waiting=4), 0, 0, 0

    async def guess() -> None:
        nonlocal inside, most, refused
        try:
            async with turns.of(b"owner"):
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0)
                inside -= 1
        except TooManyAttempts:
            refused += 1

    await asyncio.gather(*(guess() for _ in range(50)))
    assert most == 1
    assert refused == 45


async def test_others_dont_wait_and_nothing_is_kept() -> None:
    turns = Turns()
    async with turns.of(b"attacked") as waited:
        assert not waited
        async with asyncio.timeout(1), turns.of(b"other") as behind:
            assert not behind
    assert turns._queues == {}
    with pytest.raises(ValueError, match="x"):
        async with turns.of(b"attacked"):
            raise ValueError("x")
    async with turns.of(b"attacked") as waited:
        assert not waited


async def test_a_few_have_their_turn_side_by_side() -> None:
    """And whoever waited is told so, to look again."""
    turns, inside, most = Turns(most_waiting=100, side_by_side=4), 0, 0

    async def guess() -> bool:
        nonlocal inside, most
        async with turns.of(b"address") as waited:
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1
        return waited

    waited = await asyncio.gather(*(guess() for _ in range(50)))
    assert most == 4
    assert waited.count(False) == 4
    assert turns._queues == {}
