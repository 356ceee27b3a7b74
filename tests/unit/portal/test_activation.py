"""What must hold before facturation can be switched on."""

from uuid import uuid4

import pytest

from services.portal.domain.activation import Member, Situation, check
from services.portal.domain.errors import NoUserAttached

PROFILE = uuid4()


def company(*members: Member) -> Situation:
    return Situation(
        uuid4(), None, "Atelier", frozenset({"invoicing"}), (), members, {PROFILE: "Gérant"},
        False, frozenset(), 1,
    )  # fmt: skip


def test_an_accountant_is_not_a_user_of_the_company() -> None:
    accountant = Member(uuid4(), "Paul", "paul@cabinet.example", None, external=True)
    with pytest.raises(NoUserAttached):
        check(company(accountant), True, [PROFILE])
    own = Member(uuid4(), "Léa", "lea@atelier.example", PROFILE)
    check(company(accountant, own), True, [PROFILE])
