"""`facteur demo`: the main job from nothing to its proofs, on both brokers, and again on kept data."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from deploy.cli.demo import corpus
from deploy.local import kafka, tansu
from tests.figures import scrape, total
from tests.flow.facteur import facteur, staying_up
from tests.need import need

CHANNELS = {"email", "sftp", "ftps", "peppol"}


def spans(folder: Path, service: str) -> list[dict[str, Any]]:
    """Every span that the processes of a service wrote."""
    found: list[dict[str, Any]] = []
    for path in folder.glob(f"{service}-[0-9]*.jsonl"):
        found += [json.loads(line) for line in path.read_text().splitlines()]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("broker", ["kafka", "tansu"])
async def test_the_demo_proves_every_delivery_and_stops_everything(
    broker: str, tmp_path: Path
) -> None:
    obstacle = kafka.unavailable() if broker == "kafka" else tansu.unavailable()
    need(obstacle is None, f"{broker}: {obstacle}")
    traces = tmp_path / "traces"
    env = {"FACTEUR_BROKER": broker, "FACTEUR_TRACE_DIR": str(traces)}
    if broker == "tansu":  # as where nothing but Python is: no Maven, so the packages' older rules
        bare = {"PATH": str(Path(sys.executable).parent), "FACTEUR_RULES_DIR": str(tmp_path)}
        env |= bare

    ended = await facteur("demo", "--once", "--json", env=env)

    assert ended.status == 0, ended.err
    assert ended.left == []
    assert ("older Peppol set" in ended.err) == (broker == "tansu")
    table = json.loads(ended.out)
    assert table["broker"] == broker
    rows = table["rows"]
    by_invoice: dict[str, set[str]] = {}
    for row in rows:
        assert row["at_peer"], row
        assert row["proof"], row
        by_invoice.setdefault(row["trace_id"], set()).add(row["channel"])
    # two invoices by every channel; the official example's profile isn't Peppol's
    assert sorted(map(len, by_invoice.values())) == ([3, 4, 4] if corpus().exists() else [4, 4])
    for trace_id, channels in by_invoice.items():
        for service in ("billing", "delivery", *(f"delivery-{channel}" for channel in channels)):
            found = {s["context"]["trace_id"] for s in spans(traces, service)}
            assert f"0x{trace_id}" in found, f"trace {trace_id} isn't in {service}"


@pytest.mark.slow
async def test_a_second_start_keeps_accounts_invoices_and_ports(workplace: Path) -> None:
    need(tansu.unavailable() is None, "Tansu")
    state = workplace / "second-start"
    arguments = ("demo", "--channels", "sftp")
    env = {"FACTEUR_BROKER": "tansu"}

    async with staying_up(*arguments, state=state, env=env) as first:
        assert "F-000001" in "".join(first)
        ports = (state / "ports.json").read_text()
    async with staying_up(*arguments, state=state, env=env) as second:
        said = "".join(second)
        figures = {name.removeprefix("figures-"): await scrape(f"http://127.0.0.1:{port}/metrics")
                   for name, port in json.loads(ports).items() if name.startswith("figures-")}  # fmt: skip
    # every service and every worker tells its own
    assert set(figures) == {"identity", "portal", "billing", "delivery", "delivery-sftp-1"}
    sent = {"channel": "sftp", "outcome": "delivered"}
    assert total(figures["delivery-sftp-1"], "facteur_delivery_attempts_total", sent) >= 1
    assert total(figures["billing"], "facteur_invoices_issued_total") >= 1

    assert "F-000002" in said
    assert "F-000001" not in said
    assert (state / "ports.json").read_text() == ports


async def test_a_wrong_broker_is_refused_in_a_sentence(tmp_path: Path) -> None:
    ended = await facteur("demo", env={"FACTEUR_BROKER": "rabbit", "FACTEUR_STATE": str(tmp_path)})
    assert ended.status == 1
    assert "set it to kafka or tansu" in ended.err
    assert "Traceback" not in ended.err


async def test_two_stacks_in_one_place_are_refused(tmp_path: Path) -> None:
    import fcntl

    with (tmp_path / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        ended = await facteur("up", env={"FACTEUR_STATE": str(tmp_path)})
    assert ended.status == 1
    assert "a stack is running already" in ended.err


async def test_a_service_without_settings_says_which(tmp_path: Path) -> None:
    blank = {name: "" for name in os.environ if name.startswith("BILLING_")}
    ended = await facteur("billing", env=blank)
    assert ended.status == 2
    assert "BILLING_DATABASE_URL" in ended.err
    assert "Traceback" not in ended.err
