"""A machine without the newest rule sets judges by those of the installed packages, and says so."""

from pathlib import Path

import pytest

from shared.einvoice.rules import PEPPOL_SELF_BILLING, RuleSetMissing, Validator
from shared.einvoice.rules.applicable import applicable_sets
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
