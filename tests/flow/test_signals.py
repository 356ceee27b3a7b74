"""What a running service tells: figures on a port of its own, logs with trace and company, and all
three signals to a collector; nothing secret in any of them."""

import asyncio
import gzip
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from deploy.local.broker import Broker
from deploy.local.process import free_port
from tests.conftest import DatabaseFactory
from tests.figures import names, scrape, total
from tests.platform import PASSWORD, SELLER, Platform, platform
from tests.services import eventually, master_key, ready

GUESS = "un mauvais mot de passe"


@dataclass
class Collector:
    """What was sent over OTLP, by signal."""

    url: str
    got: dict[str, list[bytes]] = field(default_factory=dict)


@pytest.fixture
def collector() -> Iterator[Collector]:
    found = Collector("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            found.got.setdefault(self.path, []).append(body)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, daemon=True).start()
    yield found
    server.shutdown()
    server.server_close()


@dataclass
class Running:
    """Identity as a process of its own."""

    client: httpx.AsyncClient
    figures: str
    log: Path

    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@pytest.fixture
async def identity(
    new_database: DatabaseFactory, kafka_broker: Broker, tmp_path: Path, collector: Collector
) -> AsyncIterator[Running]:
    database, port, figures = await new_database("identity"), free_port(), free_port()
    env = {
        **os.environ,
        "IDENTITY_PORT": str(port),
        "IDENTITY_DATABASE_URL": database.runtime_dsn,
        "IDENTITY_MASTER_KEY_FILE": str(master_key(tmp_path)),
        "FACTEUR_KAFKA_BOOTSTRAP": kafka_broker.bootstrap,
        "FACTEUR_KAFKA_PARTITIONS": "2",
        "FACTEUR_LOG_LEVEL": "DEBUG",
        "FACTEUR_METRICS_PORT": str(figures),
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_METRIC_EXPORT_INTERVAL": "500",
        "OTEL_BSP_SCHEDULE_DELAY": "200",
        "OTEL_BLRP_SCHEDULE_DELAY": "200",
    }
    log = tmp_path / "identity.log"
    with log.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "deploy.cli.main", "identity", env=env, stderr=stderr
        )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            await ready(client)
            yield Running(client, f"http://127.0.0.1:{figures}/metrics", log)
    finally:
        process.terminate()
        await process.wait()


async def signed_up(running: Running) -> dict[str, str]:
    """Register, guess wrong, sign in, get a token; returns every secret that was used or given."""
    client = running.client
    person = {"email": "odile@example.org", "password": PASSWORD}
    body = {**person, "kind": "firm", "company": SELLER, "first_name": "Odile",
            "last_name": "Martin"}  # fmt: skip
    registered = await client.post("/v1/registrations", json=body)
    assert registered.status_code in (201, 202), registered.text
    wrong = await client.post("/v1/sessions", json={**person, "password": GUESS})
    assert wrong.status_code == 401
    session = (await client.post("/v1/sessions", json=person)).json()["session"]
    given = await client.post(
        "/v1/sessions/current/token", json={}, headers={"Authorization": f"Session {session}"}
    )
    token, company = given.json()["access_token"], given.json()["company_id"]
    bearer = {"Authorization": f"Bearer {token}"}
    users = await client.get(f"/v1/companies/{company}/users", headers=bearer)
    assert users.status_code == 200
    key = await client.post(
        "/v1/api-keys", headers=bearer,
        json={"name": "ERP", "scopes": ["read"], "days": 30, "password": PASSWORD},
    )  # fmt: skip
    assert key.status_code == 201, key.text
    invited = {"email": "luc@example.org", "first_name": "Luc", "last_name": "Petit",
               "role": "owner"}  # fmt: skip
    made = await client.post(f"/v1/companies/{company}/users", json=invited, headers=bearer)
    assert made.status_code == 201, made.text
    # where a letter's link leads, on the portal; the edge is the same
    link = await client.get(f"/invitation/{made.json()['invitation']}")
    assert link.status_code == 404
    return {"session": session, "token": token, "password": PASSWORD, "guess": GUESS,
            "key": key.json()["secret"], "invitation": made.json()["invitation"],
            "company": company}  # fmt: skip


async def test_a_process_tells_figures_logs_and_traces_and_no_secret(
    identity: Running, collector: Collector
) -> None:
    secrets = await signed_up(identity)
    company = secrets.pop("company")

    figures = await scrape(identity.figures)
    sign_ins = "facteur_sign_ins_total"
    assert total(figures, sign_ins, {"result": "opened"}) == 1
    assert total(figures, sign_ins, {"result": "wrong-credentials"}) == 1
    route = {"http_route": "/v1/companies/{company_id}/users", "http_request_method": "GET",
             "http_response_status_code": "200"}  # fmt: skip
    assert total(figures, "http_server_request_duration_seconds_count", route) == 1
    assert total(figures, "process_resident_memory_bytes") > 0
    assert company not in (await httpx.AsyncClient().get(identity.figures)).text

    async def sent() -> bool:
        return {"/v1/traces", "/v1/metrics", "/v1/logs"} <= set(collector.got) and (
            b"http.server.request.duration" in b"".join(collector.got["/v1/metrics"])
        )

    await eventually(sent)
    everything = b"".join(b"".join(part) for part in collector.got.values())
    everything += identity.log.read_bytes()
    assert company.encode() in everything
    for what, secret in secrets.items():
        assert secret.encode() not in everything, f"the {what} was told"


@pytest.fixture
async def running(
    new_database: DatabaseFactory, kafka_broker: Broker, tmp_path: Path, figures: str
) -> AsyncIterator[Platform]:
    async with platform(new_database, kafka_broker, tmp_path) as found:
        yield found


async def test_the_story_of_an_invoice_moves_its_figures(running: Platform, figures: str) -> None:
    from tests.flow.test_issue_to_proof import customer, issue

    before = await scrape(figures)
    person = await running.biller()
    nowhere = {"channel": "sftp", "password": "x",
               "settings": {"host": "127.0.0.1", "port": free_port(), "user": "facteur",
                            "host_key": HOST_KEY}}  # fmt: skip
    buyer = await customer(person, nowhere)
    await issue(person, buyer)
    async with running.worker("sftp"):

        async def counted() -> bool:
            now = await scrape(figures)

            def grown(name: str, **labels: str) -> float:
                return total(now, name, labels) - total(before, name, labels)

            failed = {"channel": "sftp", "kind": "send", "outcome": "failed"}
            return (
                grown("facteur_invoices_issued_total", kind="invoice") == 1
                and grown("facteur_rules_duration_seconds_count") == 1
                and grown("facteur_rendering_duration_seconds_count") == 1
                and grown("facteur_delivery_attempts_total", **failed) >= 1
                and grown("facteur_relay_published_total", service="billing") >= 2
                and grown("messaging_client_consumed_messages_total",
                          messaging_consumer_group_name="delivery.facts",
                          messaging_destination_name="invoice.issued") == 1
            )  # fmt: skip

        await eventually(counted)

    async def observed() -> bool:
        now = await scrape(figures)
        waiting = sum(
            total(now, "facteur_deliveries_open", {"channel": "sftp", "state": s})
            for s in ("due", "leased", "sending", "exhausted")
        )
        parked = total(now, "facteur_deliveries_parked", {"channel": "sftp"})
        return (
            waiting == 1
            and parked == 0
            and "facteur_deliveries_parked" in names(now)
            and total(now, "facteur_relay_leading") >= 1
        )

    await eventually(observed)


HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGm0zXfW1tqjFGvZ0yMZ0pDvTnBM4hG6mTk1Jq7WqP5j"
