"""Figures (OpenTelemetry metrics): every instrument there is, and where they can be read.

`FACTEUR_METRICS_PORT` opens a port of its own with Prometheus' text (`/metrics`), at
`FACTEUR_METRICS_HOST` (loopback unless set): figures never share a port with what is public.
`OTEL_EXPORTER_OTLP_ENDPOINT` sends them by OTLP as well. Without either nothing is counted.

Attributes are small closed sets (routes, channels, states): never a company, a person, an address.
Ages are told as the time of the last event, so that a process that hangs looks old, not fresh.
"""

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any

from opentelemetry import metrics

from shared.problems import Problem

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

log = logging.getLogger(__name__)

meter = metrics.get_meter("facteur")

_begun: "list[Resource]" = []
"""Whose figures these are, once they are counted."""

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
"""Bounds that the semantic conventions advise for requests."""
SECONDS_TO_DAYS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 43200, 172800)


def _histogram(name: str, what: str, bounds: tuple[float, ...] = SECONDS) -> metrics.Histogram:
    return meter.create_histogram(name, "s", what, explicit_bucket_boundaries_advisory=bounds)


# HTTP (semantic conventions, http.server.*)
http_requests = _histogram("http.server.request.duration", "Requests by route and status")

# the relay and its outbox
relay_round = meter.create_gauge("facteur.relay.last_round", "s", "When the relay last looked")
relay_leads = meter.create_gauge(
    "facteur.relay.leading", "{relay}", "1 where this process publishes"
)
relay_published = meter.create_counter("facteur.relay.published", "{event}", "Events published")
outbox_pending = meter.create_gauge("facteur.outbox.pending", "{event}", "Events not yet published")
outbox_oldest = meter.create_gauge("facteur.outbox.oldest", "s", "Age of the oldest of them")

# consumers: a lane is a consumer group (semantic conventions, messaging.*)
consumed = meter.create_counter(
    "messaging.client.consumed.messages", "{message}", "Events that took effect, or were known"
)
consuming = _histogram("messaging.process.duration", "Batches, from decoding to commit")
dead_letters = meter.create_counter("facteur.dead_letters", "{message}", "Set aside, by handler")
lane_lag = meter.create_gauge("facteur.consumer.lag", "{message}", "Records not yet read, by lane")
lane_polled = meter.create_gauge("facteur.consumer.last_poll", "s", "When a lane last asked")

# billing
issued = meter.create_counter("facteur.invoices.issued", "{invoice}", "Documents issued, by kind")
not_issued = meter.create_counter("facteur.invoices.refused", "{invoice}", "Refusals, by reason")
rules_time = _histogram("facteur.rules.duration", "Official rules on one document, with waiting")
rendering_time = _histogram("facteur.rendering.duration", "One readable document, with waiting")
renderings_due = meter.create_gauge("facteur.renderings.due", "{invoice}", "Waiting to be rendered")

# delivery
attempts = meter.create_counter("facteur.delivery.attempts", "{attempt}", "By channel and outcome")
delivery_time = _histogram(
    "facteur.delivery.duration", "From planning to proof, by channel", SECONDS_TO_DAYS
)
in_flight = meter.create_up_down_counter(
    "facteur.delivery.in_flight", "{delivery}", "Deliveries that a worker has under way"
)
deliveries_open = meter.create_gauge(
    "facteur.deliveries.open", "{delivery}", "Not delivered yet, by channel and state"
)
deliveries_parked = meter.create_gauge(
    "facteur.deliveries.parked", "{delivery}", "Of those, waiting behind a breaker, by channel"
)
breakers_open = meter.create_gauge(
    "facteur.delivery.breakers_open", "{endpoint}", "Endpoints left alone after failures"
)
received = meter.create_counter("facteur.documents.received", "{document}", "By state")

# identity
sign_ins = meter.create_counter("facteur.sign_ins", "{attempt}", "Attempts to sign in, by result")


@contextmanager
def timed(histogram: metrics.Histogram, **attributes: str) -> Iterator[None]:
    """Record how long the block took, also when it raises."""
    began = perf_counter()
    try:
        yield
    finally:
        histogram.record(perf_counter() - began, attributes)


@contextmanager
def refusals(counter: metrics.Counter) -> Iterator[None]:
    """Count a refusal under its stable slug; anything else that goes wrong as "error"."""
    try:
        yield
    except Problem as problem:
        counter.add(1, {"result": problem.slug})
        raise
    except Exception:
        counter.add(1, {"result": "error"})
        raise


def wanted() -> bool:
    """Whether anybody reads figures of this process."""
    return bool(os.environ.get("FACTEUR_METRICS_PORT") or otlp_wanted())


def otlp_wanted() -> bool:
    """Whether a collector was named, by OpenTelemetry's own variable."""
    return bool(os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"))


def set_up(resource: "Resource") -> None:
    """Begin to count, where somebody reads it; once a process."""
    if not wanted() or _begun:
        return
    _begun.append(resource)
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import MetricReader

    readers: list[MetricReader] = []
    if port := os.environ.get("FACTEUR_METRICS_PORT"):
        readers.append(prometheus_reader())
        serve(os.environ.get("FACTEUR_METRICS_HOST", "127.0.0.1"), int(port))
    if otlp_wanted():
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

        readers.append(PeriodicExportingMetricReader(OTLPMetricExporter()))
    metrics.set_meter_provider(MeterProvider(readers, resource))


def prometheus_reader(**options: Any) -> Any:
    """What turns our figures into Prometheus' text; names stand alone, without the library's labels."""
    from opentelemetry.exporter.prometheus import PrometheusMetricReader

    return PrometheusMetricReader(scope_info_enabled=False, **options)


def serve(host: str, port: int) -> None:
    """Answer `/metrics` in a thread of its own: figures are readable while the event loop is busy.
    A port that is taken costs the figures, not the service."""
    from wsgiref.simple_server import make_server

    from prometheus_client import make_wsgi_app
    from prometheus_client.exposition import ThreadingWSGIServer, _SilentHandler

    pages = make_wsgi_app()

    def only_metrics(environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"] != "/metrics":
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"/metrics\n"]
        return pages(environ, start_response)

    try:
        server = make_server(host, port, only_metrics, ThreadingWSGIServer, _SilentHandler)
    except OSError as error:
        log.warning("no figures: port %d of %s: %s", port, host, error)
        return
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
