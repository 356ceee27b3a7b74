"""New passwords wait for one thread; how many may is bounded."""

import asyncio

from services.identity.domain.errors import TooManyAttempts
from services.identity.domain.passwords import (
    MOST_WAITING,
    hash_password,
    strength_of,
    verify_password,
)


async def test_no_more_new_passwords_wait_than_are_hashed_in_some_seconds() -> None:
    wanted = MOST_WAITING + 10
    answers = await asyncio.gather(
        *(hash_password("une longue phrase") for _ in range(wanted)), return_exceptions=True
    )
    refused = [answer for answer in answers if isinstance(answer, TooManyAttempts)]
    hashed = [answer for answer in answers if isinstance(answer, str)]
    assert (len(hashed), len(refused)) == (MOST_WAITING, wanted - MOST_WAITING)
    assert {problem.headers["Retry-After"] for problem in refused} == {"5"}
    assert await verify_password(hashed[-1], "une longue phrase")
    assert await verify_password(await hash_password("et après"), "et après")


async def test_what_an_attacker_knows_of_a_person_is_no_strength() -> None:
    password = "Quatrefages-Zephyrine"
    assert await strength_of(password, "Zephyrine", "Quatrefages") < await strength_of(password)
