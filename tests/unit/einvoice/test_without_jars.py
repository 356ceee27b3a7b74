"""A machine without the newest rule sets judges by those of the installed packages, and says so."""

from pathlib import Path

import pytest

from shared.einvoice.rules import PEPPOL_SELF_BILLING, RuleSetMissing, Validator
from shared.einvoice.rules.applicable import applicable_sets
from shared.einvoice.rules.catalogue import BR_FR, CEN, PEPPOL, UBL_XSD
from shared.einvoice.rules.finding import refused
from shared.einvoice.syntax.ubl import inspect, write
from shared.einvoice.totals import complete
from tests.unit.einvoice import samples


async def test_invoices_are_judged_and_only_what_needs_a_missing_set_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACTEUR_RULES_DIR", str(tmp_path))
    xml = write(complete(samples.belgian(), "F-1", samples.ISSUED))
    async with Validator() as validator:
        assert await validator.validate(xml, applicable_sets(inspect(xml))) == []
        with pytest.raises(RuleSetMissing, match="self-billing"):
            await validator.validate(xml, [PEPPOL_SELF_BILLING])


async def test_a_french_address_is_no_obstacle_but_an_unknown_scheme_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The packages' Peppol rules are older than 0225 in the EAS list."""
    monkeypatch.setenv("FACTEUR_RULES_DIR", str(tmp_path))
    xml = write(complete(samples.french(), "F-1", samples.ISSUED))
    sets = [UBL_XSD, CEN, PEPPOL, BR_FR]
    async with Validator() as validator:
        found = await validator.validate(xml, sets)
        wrong = await validator.validate(
            xml.replace(b'schemeID="0225"', b'schemeID="0299"', 1), sets
        )
    assert not refused(found), [f for f in found if f.severity == "fatal"]
    newer = [f for f in found if f.rule == "PEPPOL-EN16931-CL008"]
    assert len(newer) == 2
    assert all("EAS" in f.explanation.fr for f in newer)
    assert [f.severity for f in wrong if f.rule == "PEPPOL-EN16931-CL008"] == ["fatal", "warning"]
