"""Logs: JSON lines on stderr with trace, span and the acting company; by OTLP too where asked for.

What is secret never gets here: secret types don't print, requests' bodies and headers aren't logged.
"""

import json
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from opentelemetry import trace

from shared.metrics import otlp_wanted

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

NOISY = ("aiokafka", "httpx", "httpcore", "faststream", "uvicorn.access", "asyncssh", "as4")

_company: ContextVar[str] = ContextVar("company", default="")


@contextmanager
def one_task() -> Iterator[None]:
    """Whom a request or an event acts for is forgotten with it."""
    token = _company.set("")
    try:
        yield
    finally:
        _company.reset(token)


def acting_for(company_id: object) -> None:
    """From here on, what this task logs and its span are about this company."""
    _company.set(str(company_id or ""))
    if company_id:
        trace.get_current_span().set_attribute("facteur.company_id", str(company_id))


def acting_company() -> str:
    """The company this task acts for, or an empty string."""
    return _company.get()


LONGEST_ID = 36
"""Of a UUID as text. What is longer in a path is the secret of a letter's link."""


def told_path(path: str) -> str:
    """A request's path as logs and traces may tell it: secrets of links left out."""
    return "/".join(part if len(part) <= LONGEST_ID else "…" for part in path.split("/"))


class JsonLines(logging.Formatter):
    """One JSON object a line, with trace, span and company when there are any."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self.service = service

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03d}Z",
            "level": record.levelname,
            "service": self.service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            line["trace_id"] = format(context.trace_id, "032x")
            line["span_id"] = format(context.span_id, "016x")
        if company := _company.get():
            line["company_id"] = company
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def set_up(service: str, resource: "Resource") -> None:
    """The handlers of this process; FACTEUR_LOG_LEVEL says how much."""
    stderr = logging.StreamHandler(sys.stderr)
    stderr.setFormatter(JsonLines(service))
    handlers: list[logging.Handler] = [stderr]
    if otlp_wanted():
        handlers.append(_otlp(resource))
    level = os.environ.get("FACTEUR_LOG_LEVEL", "INFO")
    logging.basicConfig(level=level, handlers=handlers, force=True)
    # the exporters' own requests would be exported in turn
    for noisy in (*NOISY, "urllib3", "opentelemetry"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _otlp(resource: "Resource") -> logging.Handler:
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

    provider = LoggerProvider(resource)
    provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    handler = LoggingHandler(logger_provider=provider)
    handler.addFilter(_with_company)
    return handler


def _with_company(record: logging.LogRecord) -> bool:
    if company := _company.get():
        record.company_id = company
    return True
