"""What must hold before facturation can be switched on, who gains and loses access by it, and what of
that a confirmation stands for."""

from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from services.portal.domain.activation import Member, Situation, check, effect, preview_token
from services.portal.domain.errors import LegalInformationMissing, NoProfileChosen, NoUserAttached
from shared.problems import Invalid

PROFILE, OTHER, EMPTY = uuid4(), uuid4(), uuid4()
LEA = Member(uuid4(), "Léa", "lea@atelier.example", PROFILE)
TOM = Member(uuid4(), "Tom", "tom@atelier.example", OTHER)
IDA = Member(uuid4(), "Ida", "ida@atelier.example", None)
PAUL = Member(uuid4(), "Paul", "paul@cabinet.example", None, external=True)


def company(*members: Member) -> Situation:
    return Situation(
        uuid4(), None, "Atelier", frozenset({"invoicing"}), (), members, {PROFILE: "Gérant"},
        False, frozenset(), 1,
    )  # fmt: skip


def test_an_accountant_is_not_a_user_of_the_company() -> None:
    with pytest.raises(NoUserAttached):
        check(company(PAUL), True, [PROFILE])
    check(company(PAUL, LEA), True, [PROFILE])


def test_every_missing_field_is_named() -> None:
    now = replace(company(LEA), missing_legal_fields=("vat_number", "address.city"))
    with pytest.raises(LegalInformationMissing) as refused:
        check(now, True, [PROFILE])
    assert refused.value.extra["missing"] == ["vat_number", "address.city"]
    assert [e["field"] for e in refused.value.extra["errors"]] == ["vat_number", "address.city"]


def test_profiles_are_chosen_and_the_company_s_own() -> None:
    with pytest.raises(NoProfileChosen):
        check(company(LEA), True, [])
    with pytest.raises(Invalid):
        check(company(LEA), True, [PROFILE, uuid4()])
    check(replace(company(), options=frozenset()), False, [])


def both(*, enabled: bool = False, chosen: frozenset[UUID] = frozenset()) -> Situation:
    now = replace(company(LEA, TOM, IDA, PAUL), profiles={PROFILE: "Gérant", OTHER: "Assistant"})
    return replace(now, enabled=enabled, profile_ids=chosen)


def test_the_warning_names_just_those_who_gain_and_lose() -> None:
    """Externals come and go with facturation itself; nobody is named who keeps what he had."""
    on = effect(both(), True, [PROFILE])
    assert (on.gains, on.loses, on.keeps) == ((LEA, PAUL), (), ())
    more = effect(both(enabled=True, chosen=frozenset({PROFILE})), True, [PROFILE, OTHER])
    assert (more.gains, more.loses, more.keeps) == ((TOM,), (), (LEA, PAUL))
    moved = effect(both(enabled=True, chosen=frozenset({PROFILE})), True, [OTHER])
    assert (moved.gains, moved.loses, moved.keeps) == ((TOM,), (LEA,), (PAUL,))
    off = effect(both(enabled=True, chosen=frozenset({PROFILE, OTHER})), False, [])
    assert (off.gains, off.loses, off.keeps) == ((), (LEA, TOM, PAUL), ())
    kept = effect(both(enabled=False, chosen=frozenset({PROFILE})), True, [OTHER])
    assert (kept.gains, kept.loses) == ((TOM, PAUL), ())  # what was chosen once gives no access


def test_a_confirmation_stands_for_all_that_was_seen() -> None:
    now = both(enabled=True, chosen=frozenset({PROFILE}))
    seen = preview_token(now, True, [PROFILE, OTHER])
    assert preview_token(now, True, [OTHER, PROFILE]) == seen
    eve = Member(uuid4(), "Eve", "eve@atelier.example", OTHER)
    zoe = Member(uuid4(), "Zoe", "zoe@atelier.example", PROFILE)
    changed = {
        "another company": preview_token(replace(now, company_id=uuid4()), True, [PROFILE, OTHER]),
        "changed and changed back": preview_token(replace(now, version=2), True, [PROFILE, OTHER]),
        "off": preview_token(now, False, [PROFILE, OTHER]),
        "other profiles": preview_token(now, True, [PROFILE]),
        "a profile that nobody has yet": preview_token(now, True, [PROFILE, OTHER, EMPTY]),
        "one more gains": preview_token(replace(now, members=(*now.members, eve)), True, [PROFILE, OTHER]),
        "one more keeps": preview_token(replace(now, members=(*now.members, zoe)), True, [PROFILE, OTHER]),
        "one less": preview_token(replace(now, members=(TOM, IDA, PAUL)), True, [PROFILE, OTHER]),
    }  # fmt: skip
    assert len({seen, *changed.values()}) == len(changed) + 1
    loses = preview_token(now, True, [OTHER])
    assert preview_token(replace(now, members=(*now.members, zoe)), True, [OTHER]) != loses
