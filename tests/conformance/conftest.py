"""The official rules, compiled once, in the main thread of the test process."""

import shutil
from datetime import UTC, datetime

import pytest

from shared.einvoice.rules import rule_sets_in_force
from shared.einvoice.rules.catalogue import RuleSet
from shared.einvoice.rules.jars import JarsNotFetched, fetch_rule_jars
from shared.einvoice.rules.processor import RuleProcessor
from tests.need import need


@pytest.fixture(scope="session")
def rule_sets() -> dict[str, RuleSet]:
    """The rule sets in force today, the newest ones fetched if Maven is here."""
    try:
        fetch_rule_jars()
    except JarsNotFetched as error:
        need(shutil.which("mvn"), f"the newest rule sets need Maven: {error}")
        raise
    return rule_sets_in_force(datetime.now(UTC).date())


@pytest.fixture(scope="session")
def rules(rule_sets: dict[str, RuleSet]) -> RuleProcessor:
    """All rule sets in force."""
    return RuleProcessor(tuple(rule_sets.values()))
