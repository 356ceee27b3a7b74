"""Findings in words that people understand, in three languages."""

import re
from datetime import date

import pytest

from shared.einvoice.rules import Finding, Severity, applicable_sets, refused, rule_sets_in_force
from shared.einvoice.rules.catalogue import BR_FR, CEN, PEPPOL, PEPPOL_SELF_BILLING, UBL_XSD
from shared.einvoice.rules.explanations import explain, known_rules, superseded
from shared.einvoice.rules.svrl import business_term, short_path
from tests.unit.einvoice.samples import belgian, french, issued

MET_DAILY = (
    *(f"BR-{n:02}" for n in (*range(1, 17), *range(21, 28))),
    *(f"BR-CO-{n:02}" for n in (3, 4, 9, 10, 13, 14, 15, 16, 17, 18, 25, 26)),
    *(f"BR-{c}-{n:02}" for c in ("S", "E", "AE", "Z", "O", "IC", "G") for n in (1, 2, 5, 8, 9, 10)),
    *(f"PEPPOL-EN16931-R{n:03}" for n in (1, 3, 4, 10, 20, 40, 41, 42, 43, 53, 54, 55, 110, 111, 120, 121, 130)),
    *(f"PEPPOL-COMMON-R{n:03}" for n in (40, 41, 42, 43, 44, 45, 46, 47, 49, 50)),
    "BR-FR-01_BT-1-1", "BR-FR-05_BT-22-1", "BR-FR-08_BT-23", "BR-FR-10_BT-30", "BR-FR-12_BT-49", "BR-DEC-09",
)  # fmt: skip


@pytest.mark.parametrize("rule", MET_DAILY)
def test_common_rules_have_words_of_their_own(rule: str) -> None:
    words = explain(rule)
    assert rule not in words.en, "this is the general sentence"
    assert "{" not in words.fr + words.nl + words.en
    assert len({words.fr, words.nl, words.en}) == 3


def test_another_rule_gets_a_general_sentence_with_its_name() -> None:
    words = explain("BR-XX-99")
    assert all("BR-XX-99" in text for text in (words.fr, words.nl, words.en))
    assert words.in_language("nl-BE") == words.nl
    assert words.in_language("de") == words.en


def test_there_are_sixty_explanations_and_more() -> None:
    assert len(known_rules()) > 60


def test_locations_are_short() -> None:
    ugly = (
        "/*:Invoice[namespace-uri()='urn:oasis:names:specification:ubl:schema:xsd:Invoice-2'][1]"
        "/*:TaxTotal[namespace-uri()='urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2'][2]"
    )
    assert short_path(ugly) == "/Invoice[1]/cac:TaxTotal[2]"


def test_the_business_term_comes_from_the_id_or_the_text() -> None:
    assert business_term("BR-FR-10_BT-30", "Le SIREN …") == "BT-30"
    assert (
        business_term("BR-CO-10", "Sum of Invoice line net amount (BT-106) = Σ (BT-131)")
        == "BT-106"
    )
    assert business_term("X", "nothing") is None


def test_a_rule_that_gives_way_to_a_french_one_stays_visible() -> None:
    finding = Finding(
        rule="PEPPOL-EN16931-R007", severity=Severity.FATAL, rule_set="x", location="/", message="m",
        explanation=explain("PEPPOL-EN16931-R007"),
    )  # fmt: skip
    assert refused([finding])
    assert not refused([superseded(finding)])
    assert "BR-FR-08" in superseded(finding).explanation.en


def test_french_rules_are_for_french_parties() -> None:
    assert applicable_sets(issued(belgian())) == (UBL_XSD, CEN, PEPPOL)
    assert applicable_sets(issued(french())) == (UBL_XSD, CEN, PEPPOL, BR_FR)
    plain = issued(french(specification="urn:cen.eu:en16931:2017"))
    assert applicable_sets(plain) == (UBL_XSD, CEN, BR_FR)
    own = issued(
        belgian(
            specification="urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:selfbilling:3.0"
        )
    )
    assert applicable_sets(own) == (UBL_XSD, CEN, PEPPOL_SELF_BILLING)


def test_the_rules_in_force_depend_on_the_day() -> None:
    versions = {
        day: max(s.valid_from for s in rule_sets_in_force(day).values() if s.name == CEN)
        for day in (date(2026, 1, 1), date(2026, 11, 22))
    }
    assert len(set(versions.values())) == 2
    assert re.match(r"\d", rule_sets_in_force(date(2026, 11, 22))[CEN].version)
