"""What Facteur writes passes the official rules, whatever the amounts and whatever the number."""

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.einvoice.lines import AllowanceCharge, DocumentAllowanceCharge, LineContent, Price, Vat
from shared.einvoice.model import Invoice, InvoiceContent, Item
from shared.einvoice.rules import CEN, PEPPOL, UBL_XSD, Finding, Severity, applicable_sets
from shared.einvoice.rules.processor import RuleProcessor
from shared.einvoice.syntax import ubl
from tests.unit.einvoice.samples import belgian, credit_note, french, issued

MODEST = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
CENTS = st.decimals(0, 5000, places=2)
VATS = st.sampled_from([Vat(category="S", rate=Decimal(rate)) for rate in ("6", "12", "21")])
QUANTITIES = st.decimals("-500", "500", places=3).filter(bool)
PRICES = st.builds(
    Price,
    net=st.decimals(0, 2000, places=4),
    base_quantity=st.none() | st.sampled_from([Decimal(1), Decimal(3), Decimal(7), Decimal(1000)]),
)
LINE_ENTRIES = st.lists(
    st.builds(AllowanceCharge, amount=CENTS, reason=st.just("r")), max_size=2
).map(tuple)
LINES = st.builds(
    LineContent, quantity=QUANTITIES, price=PRICES, vat=VATS, item=st.just(Item(name="x")),
    allowances=LINE_ENTRIES, charges=LINE_ENTRIES,
)  # fmt: skip
ENTRIES = st.lists(
    st.builds(DocumentAllowanceCharge, amount=CENTS, reason=st.just("r"), vat=VATS), max_size=3
).map(tuple)


def fatal(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(f.rule, f.message) for f in findings if f.severity is Severity.FATAL]


@pytest.mark.parametrize(
    "content", [belgian(), french(), credit_note()], ids=["belgian", "french", "credit note"]
)
def test_samples_pass_every_rule_that_applies(
    content: InvoiceContent, rules: RuleProcessor
) -> None:
    invoice = issued(content)
    assert fatal(rules.findings(ubl.write(invoice), applicable_sets(invoice))) == []


@MODEST
@given(
    lines=st.lists(LINES, min_size=1, max_size=6).map(tuple),
    allowances=ENTRIES,
    charges=ENTRIES,
    paid=CENTS,
)
def test_computed_totals_satisfy_the_rules_arithmetic(
    rules: RuleProcessor,
    lines: tuple[LineContent, ...],
    allowances: tuple[DocumentAllowanceCharge, ...],
    charges: tuple[DocumentAllowanceCharge, ...],
    paid: Decimal,
) -> None:
    content = belgian(lines=lines, allowances=allowances, charges=charges, paid=paid)
    assert fatal(rules.findings(ubl.write(issued(content)), (UBL_XSD, CEN, PEPPOL))) == []


def _with_faults(invoice: Invoice) -> Invoice:
    totals = invoice.totals.model_copy(update={"with_vat": Decimal("1.00")})
    return invoice.model_copy(
        update={"totals": totals, "buyer_reference": None, "purchase_order_reference": None}
    )


SERIES = st.builds(
    "{}{:0{}}".format,
    st.from_regex(r"[A-Z0-9][A-Z0-9/_+-]{0,11}", fullmatch=True),
    st.integers(0, 10**8),
    st.integers(1, 9),
)


@MODEST
@given(
    number=SERIES,
    content=st.sampled_from([belgian(), french(), credit_note()]),
    faulty=st.booleans(),
)
def test_findings_do_not_depend_on_the_number(
    rules: RuleProcessor, number: str, content: InvoiceContent, faulty: bool
) -> None:
    def findings(under: str) -> list[Finding]:
        invoice = issued(content, under)
        return rules.findings(
            ubl.write(_with_faults(invoice) if faulty else invoice), applicable_sets(invoice)
        )

    assert findings(number) == findings("F000")


def test_each_fault_is_named(rules: RuleProcessor) -> None:
    invoice = _with_faults(issued(belgian()))
    found = {f.rule: f for f in rules.findings(ubl.write(invoice), applicable_sets(invoice))}
    assert {"BR-CO-15", "BR-CO-16", "PEPPOL-EN16931-R003"} <= found.keys()
    assert found["BR-CO-15"].business_term == "BT-112"
    assert "BT-112" in found["BR-CO-15"].explanation.nl
    assert found["BR-CO-15"].rule_set == "cen-en16931-ubl 1.3.16"
