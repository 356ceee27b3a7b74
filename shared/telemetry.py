"""Traces (OpenTelemetry), one from the click to the receipt; and the start of all three signals.

`OTEL_EXPORTER_OTLP_ENDPOINT` sends traces, metrics and logs over OTLP/HTTP (OpenTelemetry's other
variables hold too); `FACTEUR_TRACE_DIR` writes finished spans as JSON lines (tests).
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from uuid import uuid4

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from shared import logs, metrics
from shared.events import Envelope
from shared.records import Record

tracer = trace.get_tracer("facteur")


class FileSpanExporter(SpanExporter):
    """Finished spans as JSON lines in a file."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[str] = path.open("a", encoding="utf-8")

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self._file.writelines(span.to_json(indent=None) + "\n" for span in spans)
        self._file.flush()
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        self._file.close()


def set_up(service: str) -> None:
    """Logs always; traces and figures where a variable asks for them. Once a process, at its start."""
    resource = Resource.create(
        {"service.name": f"facteur-{service}", "service.instance.id": uuid4().hex}
    )
    logs.set_up(service, resource)
    metrics.set_up(resource)
    provider = TracerProvider(resource=resource)
    if folder := os.environ.get("FACTEUR_TRACE_DIR"):
        path = Path(folder) / f"{service}-{os.getpid()}.jsonl"
        exporter: SpanExporter = FileSpanExporter(path)
        provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=500))
    if metrics.otlp_wanted():
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


@contextmanager
def continued(traceparent: str | None, name: str, **attributes: str | int) -> Iterator[trace.Span]:
    """A span that continues the trace of `traceparent` (W3C), or begins one."""
    carrier = {"traceparent": traceparent} if traceparent else {}
    parent = propagate.extract(carrier) if carrier else None
    started = tracer.start_as_current_span(name, context=parent, attributes=attributes)
    with logs.one_task(), started as span:
        yield span


@contextmanager
def consumer_span(record: Record, envelope: Envelope, handler: str) -> Iterator[trace.Span]:
    """The span of one event's handling, in the trace of who published it."""
    attributes: dict[str, str | int] = {
        "messaging.system": "kafka",
        "messaging.operation.type": "process",
        "messaging.operation.name": handler,
        "messaging.destination.name": envelope.topic,
        "messaging.destination.partition.id": str(record.partition),
        "messaging.kafka.offset": record.offset,
        "messaging.message.id": str(envelope.event_id),
    }
    with continued(envelope.traceparent, f"process {envelope.topic}", **attributes) as span:
        logs.acting_for(envelope.company_id)
        yield span


@contextmanager
def batch_span(envelopes: Sequence[Envelope], handler: str) -> Iterator[trace.Span]:
    """The span of a batch that is handled as one: in the trace of its only event, or in a trace of
    its own with a link to each (OpenTelemetry messaging conventions, batches)."""
    attributes: dict[str, str | int] = {
        "messaging.system": "kafka",
        "messaging.operation.type": "process",
        "messaging.operation.name": handler,
        "messaging.batch.message_count": len(envelopes),
    }
    if len(envelopes) == 1:
        with continued(envelopes[0].traceparent, f"process {handler}", **attributes) as span:
            yield span
        return
    origins = [
        trace.get_current_span(propagate.extract({"traceparent": e.traceparent}))
        for e in envelopes
        if e.traceparent
    ]
    links = [trace.Link(origin.get_span_context()) for origin in origins]
    with tracer.start_as_current_span(
        f"process {handler}", context=Context(), links=links, attributes=attributes
    ) as span:
        yield span


@contextmanager
def delivery_span(
    traceparent: str | None, channel: str, delivery_id: str, attempts_before: int
) -> Iterator[trace.Span]:
    """The span of one attempt: the first one in the invoice's trace, later ones in a trace of
    their own with a link to it."""
    attributes = {"facteur.channel": channel, "facteur.delivery_id": delivery_id}
    if attempts_before == 0 or traceparent is None:
        with continued(traceparent, f"deliver {channel}", **attributes) as span:
            yield span
        return
    origin = trace.get_current_span(propagate.extract({"traceparent": traceparent}))
    links = [trace.Link(origin.get_span_context())]
    with tracer.start_as_current_span(
        f"deliver {channel}", links=links, attributes=attributes
    ) as span:
        yield span


def current_trace_id() -> str:
    """The current trace's id as 32 hex digits, or an empty string."""
    context = trace.get_current_span().get_span_context()
    return format(context.trace_id, "032x") if context.is_valid else ""
