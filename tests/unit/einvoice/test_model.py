"""What the model takes, and how it looks in JSON."""

import json

import pytest
from pydantic import ValidationError

from shared.einvoice.model import Invoice, InvoiceContent
from tests.unit.einvoice.samples import belgian, credit_note, issued


def test_money_is_text_in_json_and_comes_back_equal() -> None:
    invoice = issued(belgian())
    text = invoice.model_dump_json()
    assert json.loads(text)["totals"]["amount_due"] == "664.42"
    assert Invoice.model_validate_json(text) == invoice


def test_an_invoice_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        issued(belgian()).number = "2"  # type: ignore[misc]


@pytest.mark.parametrize("value", ["1e400", "NaN", "Infinity", "1" * 40, "0." + "1" * 20])
def test_numbers_that_no_invoice_has_are_refused(value: str) -> None:
    content = belgian().model_dump(mode="json")
    content["lines"][0]["quantity"] = value
    with pytest.raises(ValidationError) as raised:
        InvoiceContent.model_validate(content)
    assert raised.value.errors()[0]["loc"] == ("lines", 0, "quantity")


@pytest.mark.parametrize("value", ["a\x00b", "a\x0bb", "\ufffe", ""])
def test_text_that_xml_cannot_carry_is_refused(value: str) -> None:
    content = belgian().model_dump(mode="json")
    content["buyer"]["name"] = value
    with pytest.raises(ValidationError) as raised:
        InvoiceContent.model_validate(content)
    assert raised.value.errors()[0]["loc"] == ("buyer", "name")


def test_unknown_terms_are_refused_by_name() -> None:
    content = belgian().model_dump(mode="json") | {"vat_total": "1.00"}
    with pytest.raises(ValidationError, match="vat_total"):
        InvoiceContent.model_validate(content)


def test_an_invoice_has_at_least_one_line() -> None:
    with pytest.raises(ValidationError, match="lines"):
        InvoiceContent.model_validate(belgian().model_dump(mode="json") | {"lines": []})


def test_the_type_says_whether_it_is_a_credit_note() -> None:
    assert issued(credit_note()).is_credit_note
    assert not issued(belgian()).is_credit_note


def test_every_field_of_the_schema_is_described_by_its_business_term() -> None:
    schema = Invoice.model_json_schema()
    undescribed = [
        f"{name}.{field}"
        for name, part in {**schema["$defs"], "Invoice": schema}.items()
        if name not in ("Identifier", "ItemAttribute", "ItemClassification", "ElectronicAddress")
        for field, definition in part["properties"].items()
        if "B" not in definition.get("description", "") and field != "network"
    ]
    assert undescribed == []
