"""Contracts: golden examples are read for ever, and the gate stops each kind of breaking change."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from shared.contracts.compatibility import breaking_changes
from shared.contracts.gate import path_of as schema_path
from shared.contracts.registry import CONTRACTS
from shared.contracts.schemas import schema_of
from shared.events import Event, read_envelope, read_event
from tests.contracts.examples import path_of

TOPICS = sorted(CONTRACTS)


def golden(topic: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path_of(topic).read_text("utf-8"))
    return found


def read(topic: str, example: dict[str, Any]) -> Event:
    """As a consumer reads a record."""
    headers = [(name, value.encode()) for name, value in example["headers"].items()]
    envelope = read_envelope(topic, example["key"].encode(), headers)
    assert envelope.headers() == example["headers"]
    return read_event(CONTRACTS[topic], envelope, json.dumps(example["value"]).encode())


@pytest.mark.parametrize("topic", TOPICS)
def test_the_golden_example_is_valid_by_the_published_schema(topic: str) -> None:
    schema = json.loads(schema_path(topic, CONTRACTS[topic].version).read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    errors = list(Draft202012Validator(schema).iter_errors(golden(topic)["value"]))
    assert errors == []


@pytest.mark.parametrize("topic", TOPICS)
def test_the_golden_example_is_read_and_written_again_as_it_was(topic: str) -> None:
    example = golden(topic)
    event = read(topic, example)
    # what was added since has its default: a record of the first day stays readable
    assert json.loads(event.model_dump_json(exclude_unset=True)) == example["value"]


@pytest.mark.parametrize("topic", TOPICS)
def test_a_field_that_a_later_version_adds_is_ignored(topic: str) -> None:
    example = golden(topic)
    later = copy.deepcopy(example)
    later["value"]["added_in_ten_years"] = {"a": 1}
    assert read(topic, later) == read(topic, example)


def _removed(schema: dict[str, Any]) -> None:
    del schema["properties"]["number"]


def _retyped(schema: dict[str, Any]) -> None:
    schema["properties"]["number"]["type"] = "integer"


def _required(schema: dict[str, Any]) -> None:
    schema["properties"]["added"] = {"type": "string"}
    schema["required"].append("added")


def _optional(schema: dict[str, Any]) -> None:
    schema["required"].remove("number")


def _narrowed(schema: dict[str, Any]) -> None:
    schema["properties"]["document_kind"]["enum"].remove("credit_note")


def _widened(schema: dict[str, Any]) -> None:
    schema["properties"]["document_kind"]["enum"].append("receipt")


def _nested(schema: dict[str, Any]) -> None:
    del schema["$defs"]["Document"]["properties"]["sha256"]


def _shortened(schema: dict[str, Any]) -> None:
    schema["properties"]["number"]["maxLength"] = 10


def _reformatted(schema: dict[str, Any]) -> None:
    schema["properties"]["issue_date"]["format"] = "date-time"


def _closed(schema: dict[str, Any]) -> None:
    schema["additionalProperties"] = False


BREAKING = [_removed, _retyped, _required, _optional, _narrowed, _widened, _nested, _shortened,
            _reformatted, _closed]  # fmt: skip


@pytest.mark.parametrize("change", BREAKING, ids=lambda c: c.__name__.strip("_"))
def test_the_gate_stops_every_kind_of_breaking_change(
    change: Callable[[dict[str, Any]], None],
) -> None:
    before = schema_of(CONTRACTS["invoice.issued"])
    after = copy.deepcopy(before)
    change(after)
    assert breaking_changes(before, after)


def test_the_gate_lets_a_contract_grow() -> None:
    before = schema_of(CONTRACTS["invoice.issued"])
    after = copy.deepcopy(before)
    after["properties"]["added"] = {"type": "string", "default": ""}
    assert breaking_changes(before, after) == []
