"""Rule sets compiled and applied, in the main thread of a worker process.

Saxon aborts the process when several threads each hold a processor: use `Validator`, not this.
"""

import re
from collections.abc import Sequence
from itertools import islice
from typing import Any

from lxml import etree

from shared.einvoice.rules import svrl
from shared.einvoice.rules.catalogue import BR_FR, UBL_XSD, Package, RuleSet, RuleSetMissing
from shared.einvoice.rules.explanations import explain, superseded
from shared.einvoice.rules.finding import Finding, Severity
from shared.einvoice.rules.outdated import up_to_date
from shared.einvoice.rules.stylesheet import faster
from shared.einvoice.syntax.ubl_read import ubl_root
from shared.einvoice.xml import parse


class RuleProcessor:
    """The rule sets of one day, ready to judge."""

    def __init__(self, rule_sets: Sequence[RuleSet]) -> None:
        """Compile all of them; RuleSetMissing names the first that can't be."""
        from saxonche import PySaxonProcessor

        self._saxon: Any = PySaxonProcessor(license=False)
        self._labels = {rule_set.name: rule_set.label for rule_set in rule_sets}
        self._schemas: dict[str, etree.XMLSchema] = {}
        self._stylesheets: dict[str, Any] = {}
        for rule_set in rule_sets:
            if rule_set.name == UBL_XSD:
                self._schemas = _schemas(rule_set)
            else:
                self._stylesheets[rule_set.name] = self._compiled(rule_set)

    def findings(self, xml: bytes, names: Sequence[str]) -> list[Finding]:
        """What the named rule sets find, in their order.

        When the schema finds the document invalid, its findings are the answer: the other rules
        are defined on valid documents only.
        Raises `xml.XmlRefused`, `UblError` and RuleSetMissing.
        """
        self._require(names)
        tree = parse(xml)
        root = ubl_root(tree)
        if UBL_XSD in names:
            invalid = self._schema_findings(tree, etree.QName(root).localname)
            if invalid:
                return invalid
        node = self._saxon.parse_xml(
            xml_text=etree.tostring(root, encoding="unicode", with_tail=False)
        )
        found = [
            up_to_date(finding, root)
            for name in names
            if name != UBL_XSD
            for finding in self._rule_findings(name, node)
        ]
        return [superseded(finding) for finding in found] if BR_FR in names else found

    def _require(self, names: Sequence[str]) -> None:
        for name in names:
            if name not in self._labels:
                raise RuleSetMissing(
                    f"rule set {name} is not loaded: it is not in force, not in the catalogue, or its "
                    "jar is not here (python -m shared.einvoice.rules.jars)"
                )

    def _compiled(self, rule_set: RuleSet) -> Any:
        official = rule_set.read()
        try:
            text = faster(official)
            return self._saxon.new_xslt30_processor().compile_stylesheet(stylesheet_text=text)
        except Exception as error:  # noqa: BLE001 saxonche has one undocumented class of errors
            raise RuleSetMissing(f"rule set {rule_set.label} does not compile: {error}") from None

    def _schema_findings(self, tree: etree._ElementTree, kind: str) -> list[Finding]:
        schema = self._schemas[kind]
        if schema.validate(tree):
            return []
        return [
            Finding(
                rule="UBL-XSD",
                severity=Severity.FATAL,
                rule_set=self._labels[UBL_XSD],
                location=f"line {entry.line}",
                message=_without_namespaces(entry.message),
                explanation=explain("UBL-XSD"),
            )
            for entry in islice(schema.error_log, 20)  # type: ignore[call-overload]
        ]

    def _rule_findings(self, name: str, node: Any) -> list[Finding]:
        label = self._labels[name]
        try:
            report = self._stylesheets[name].transform_to_string(xdm_node=node)
        except Exception as error:  # noqa: BLE001 saxonche has one undocumented class of errors
            return [
                Finding(
                    rule=f"{name}:not-evaluated",
                    severity=Severity.FATAL,
                    rule_set=label,
                    location="/",
                    message=f"the rule set could not be applied: {error}",
                    explanation=explain("not-evaluated"),
                )
            ]
        return list(svrl.findings(report, label))


def _schemas(rule_set: RuleSet) -> dict[str, etree.XMLSchema]:
    folder = rule_set.source.file() if isinstance(rule_set.source, Package) else None
    if folder is None:
        raise RuleSetMissing(
            f"rule set {rule_set.label} is not in {rule_set.source}: install the package"
        )
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        return {
            kind: etree.XMLSchema(etree.parse(folder / f"UBL-{kind}-2.1.xsd", parser))
            for kind in ("Invoice", "CreditNote")
        }
    except (OSError, etree.LxmlError) as error:
        raise RuleSetMissing(f"rule set {rule_set.label} does not load: {error}") from error


def _without_namespaces(message: str) -> str:
    return re.sub(r"\{[^}]*\}", "", message)
