"""The contracts as JSON Schema 2020-12, one a topic, and as one AsyncAPI 3 document."""

from typing import Any

from shared.contracts.registry import CONTRACTS
from shared.events import Event

DIALECT = "https://json-schema.org/draft/2020-12/schema"

HEADERS = {
    "ce_specversion": "CloudEvents version, always 1.0",
    "ce_id": "the event's id (UUIDv7): the same event always has the same",
    "ce_type": "the topic's name",
    "ce_source": "/facteur/<service>",
    "ce_subject": "the aggregate's id, as in the record's key",
    "ce_time": "when it happened, RFC 3339",
    "ce_dataschema": "urn:facteur:schema:<topic>:<version>",
    "ce_aggregateversion": "orders the events of one aggregate across topics",
    "ce_actor": "who asked: user:<id>, api_key:<id>, system:<service>, peer:<access point>",
    "ce_causationid": "the event that this one follows from, if any",
    "ce_companyid": "the company concerned, if any",
    "content-type": "application/json",
    "traceparent": "W3C trace context",
    "ce_origin": "the network that a person's request came from (/24, /48), if a person asked",
}


def schema_of(kind: type[Event]) -> dict[str, Any]:
    """The JSON Schema of an event's value."""
    return {
        "$schema": DIALECT,
        "$id": f"urn:facteur:schema:{kind.topic}:{kind.version}",
        **kind.model_json_schema(),
    }


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3.0 document of all public topics."""
    public = [kind for kind in CONTRACTS.values() if kind.public]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Facteur",
            "version": "1.0.0",
            "description": "Facts about companies, invoices and deliveries, as CloudEvents 1.0 "
            "(Kafka binding, binary mode). Fields may be added; nothing else changes within a version.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {kind.topic: _channel(kind) for kind in public},
        "operations": {_operation(kind): _receive(kind) for kind in public},
        "components": {
            "messages": {kind.__name__: _message(kind) for kind in public},
            "schemas": {kind.__name__: schema_of(kind) for kind in public},
        },
    }


def _operation(kind: type[Event]) -> str:
    return f"receive{kind.__name__}"


def _receive(kind: type[Event]) -> dict[str, Any]:
    return {
        "action": "receive",
        "channel": {"$ref": f"#/channels/{kind.topic}"},
        "messages": [{"$ref": f"#/channels/{kind.topic}/messages/{kind.__name__}"}],
    }


def _channel(kind: type[Event]) -> dict[str, Any]:
    return {
        "address": kind.topic,
        "description": (kind.__doc__ or "").strip(),
        "messages": {kind.__name__: {"$ref": f"#/components/messages/{kind.__name__}"}},
        "bindings": {
            "kafka": {
                "topicConfiguration": {"cleanup.policy": ["compact"] if kind.state else ["delete"]}
            }
        },
    }


def _message(kind: type[Event]) -> dict[str, Any]:
    return {
        "name": kind.topic,
        "title": kind.__name__,
        "summary": (kind.__doc__ or "").strip(),
        "contentType": "application/json",
        "headers": {
            "type": "object",
            "properties": {
                name: {"type": "string", "description": text} for name, text in HEADERS.items()
            },
        },
        "payload": {"$ref": f"#/components/schemas/{kind.__name__}"},
        "bindings": {
            "kafka": {"key": {"type": "string", "format": "uuid", "description": kind.key_field}}
        },
    }
