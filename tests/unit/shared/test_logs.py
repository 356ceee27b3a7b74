"""A log line can be followed to its trace and its company."""

import io
import json
import logging
from collections.abc import Iterator
from types import SimpleNamespace
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry.sdk.trace import TracerProvider

from shared import edge, telemetry
from shared.logs import JsonLines, acting_company, acting_for
from shared.service import OWN_TELEMETRY

log = logging.getLogger(__name__)


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(JsonLines("billing"))
    log.addHandler(handler)
    yield text
    log.removeHandler(handler)


async def test_a_line_carries_the_trace_the_span_and_the_company_of_its_request(
    written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracer = TracerProvider().get_tracer("facteur")
    monkeypatch.setattr(telemetry, "tracer", tracer)
    app, company = FastAPI(telemetry=OWN_TELEMETRY), uuid4()
    app.add_middleware(edge.Edge, max_body=1000)
    app.state.service = SimpleNamespace(settings=SimpleNamespace(trusted_proxies=()))

    @app.get("/for/{company}")
    async def _(company: str) -> None:
        acting_for(company)
        log.warning("something happened")

    @app.get("/nobody")
    async def _() -> None:
        log.warning("something else")

    traceparent = f"00-{'ab' * 16}-{'cd' * 8}-01"
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        answer = await client.get(f"/for/{company}", headers={"traceparent": traceparent})
        await client.get("/nobody")
    first, second = map(json.loads, written.getvalue().splitlines())
    assert answer.headers["x-trace-id"] == first["trace_id"] == "ab" * 16
    assert len(first["span_id"]) == 16
    assert first["span_id"] != "cd" * 8
    assert first["company_id"] == str(company)
    assert second["trace_id"] != first["trace_id"]
    assert "company_id" not in second
    assert acting_company() == ""
