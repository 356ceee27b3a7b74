"""Every official UBL example is judged as its manifest says, to the count, and can be read."""

import pytest
from lxml import etree

from shared.einvoice.rules import BR_FR, CEN, PEPPOL, UBL_XSD, Severity
from shared.einvoice.rules.processor import RuleProcessor
from shared.einvoice.syntax import ubl
from tests.conformance.corpus import CORPUS, Example, ubl_examples
from tests.need import need

EXAMPLES = ubl_examples()
NOT_VALID_BY_SCHEMA = {
    "peppol/national/GR-base-example-TaxRepresentative.xml": "AdditionalDocumentReference after the parties",
    "peppol/national/GR-base-example-correct.xml": "AdditionalDocumentReference after the parties",
}
"""Examples that the UBL 2.1 schema itself refuses; the manifest counts Schematron findings only."""


def test_the_corpus_is_here() -> None:
    need(EXAMPLES, f"no example documents in {CORPUS}: set FACTEUR_CORPUS")
    assert len(EXAMPLES) == 42


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.file)
def test_findings_are_those_of_the_manifest(example: Example, rules: RuleProcessor) -> None:
    for name, expected in example.counts.items():
        found = rules.findings(example.read(), [name])
        fatal = sum(finding.severity is Severity.FATAL for finding in found)
        assert (name, fatal, len(found) - fatal) == (name, *expected)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.file)
def test_the_schema_takes_it(example: Example, rules: RuleProcessor) -> None:
    found = rules.findings(example.read(), [UBL_XSD])
    assert bool(found) == (example.file in NOT_VALID_BY_SCHEMA)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.file)
def test_it_is_read_and_written_again_without_loss(example: Example, rules: RuleProcessor) -> None:
    invoice = ubl.read(example.read())
    written = ubl.write(invoice)
    assert ubl.read(written) == invoice
    assert rules.findings(written, [UBL_XSD]) == []


@pytest.mark.parametrize(
    "example",
    [e for e in EXAMPLES if e.counts.get(CEN) == (0, 0)],
    ids=lambda example: example.file,
)
def test_what_is_written_is_as_valid_as_what_was_read(
    example: Example, rules: RuleProcessor
) -> None:
    written = ubl.write(ubl.read(example.read()))
    assert rules.findings(written, [CEN]) == []
    if example.counts.get(PEPPOL) == (0, 0):
        assert rules.findings(written, [PEPPOL]) == []
    if example.counts.get(BR_FR) == (0, 0):
        assert rules.findings(written, [BR_FR]) == []


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.file)
def test_a_number_changes_nothing_but_the_number(example: Example) -> None:
    before = example.read()
    after = ubl.set_number(before, "F-2026-0001")
    old, new = etree.fromstring(before), etree.fromstring(after)
    (number,) = new.findall("{*}ID")
    assert number.text == "F-2026-0001"
    number.text = old.findtext("{*}ID")
    assert etree.tostring(old, method="c14n") == etree.tostring(new, method="c14n")
    assert len(after) - len(before) == len("F-2026-0001") - len(
        (old.findtext("{*}ID") or "").encode()
    )
