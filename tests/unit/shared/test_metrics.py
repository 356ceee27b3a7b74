"""Figures: what dashboards and alerts ask for exists, and what exists is looked at."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from opentelemetry.metrics import Counter, Histogram, Instrument, UpDownCounter

from deploy.local.paths import CHECKOUT
from deploy.local.process import free_port
from shared import metrics
from tests.figures import names, scrape
from tests.need import need

DASHBOARDS = sorted((CHECKOUT / "deploy" / "grafana" / "dashboards").glob("*.json"))
ALERTS = CHECKOUT / "deploy" / "prometheus" / "alerts.yml"

NAME = re.compile(r"\b[a-z][a-z0-9]*(?:_[a-z0-9]+)+\b(?!\s*[(=!])")
LABELS = re.compile(r"\{[^}]*\}|\b(?:by|on|without)\s*\([^)]*\)")
OF_PROMETHEUS = {"up"}
FUNCTIONS = {"histogram_quantile"}


def instruments() -> dict[str, Instrument]:
    return {n: i for n, i in vars(metrics).items() if isinstance(i, Instrument)}


def expressions() -> Iterator[tuple[str, str]]:
    for file in DASHBOARDS:
        for panel in json.loads(file.read_text())["panels"]:
            for target in panel["targets"]:
                yield f"{file.stem}: {panel['title']}", target["expr"]
    for rule in yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]:
        yield f"alert {rule['alert']}", rule["expr"]


def named(expression: str) -> set[str]:
    """The series an expression reads."""
    bare = LABELS.sub(" ", re.sub(r"\[[^\]]*\]", " ", expression))
    return set(NAME.findall(bare)) - FUNCTIONS


def touch_everything() -> None:
    for instrument in instruments().values():
        if isinstance(instrument, Histogram):
            instrument.record(0.1)
        elif isinstance(instrument, Counter | UpDownCounter):
            instrument.add(0)
        else:
            instrument.set(0)  # type: ignore[attr-defined]


async def test_dashboards_and_alerts_ask_for_what_exists_and_show_all_of_it(figures: str) -> None:
    touch_everything()
    told = names(await scrape(figures)) | OF_PROMETHEUS
    asked: set[str] = set()
    for where, expression in expressions():
        wanted = named(expression) or OF_PROMETHEUS & {expression.split("{")[0]}
        assert wanted, f"{where} reads nothing"
        assert wanted <= told, f"{where} reads {wanted - told}, which nothing tells"
        asked |= wanted
    ours = {n for n in told if n.startswith(("facteur_", "http_server_", "messaging_"))}
    shown = {re.sub(r"_(bucket|count|sum|created)$", "", n) for n in asked}
    unseen = {re.sub(r"_(bucket|count|sum|created)$", "", n) for n in ours} - shown
    assert unseen - {n.removesuffix("_total") for n in shown} == set(), "on no dashboard"


def test_instruments_are_made_in_one_place() -> None:
    makers = re.compile(r"\.create_(counter|histogram|gauge|up_down_counter|observable_\w+)\(")
    found = [
        str(path.relative_to(CHECKOUT))
        for folder in ("services", "shared", "deploy")
        for path in (CHECKOUT / folder).rglob("*.py")
        if makers.search(path.read_text())
    ]
    assert found == ["shared/metrics.py"]


def test_prometheus_itself_accepts_rules_dashboards_and_configuration(tmp_path: Path) -> None:
    tool = shutil.which("promtool")
    need(tool, "promtool, of Debian's package prometheus")
    rules = [{"record": f"r:{i}", "expr": expression.replace("$__rate_interval", "5m")}
             for i, (_, expression) in enumerate(expressions())]  # fmt: skip
    asked = tmp_path / "dashboards.yml"
    asked.write_text(yaml.safe_dump({"groups": [{"name": "dashboards", "rules": rules}]}))
    config = ALERTS.with_name("prometheus.yml")
    for check in (["rules", ALERTS], ["rules", asked], ["config", config]):
        done = subprocess.run(
            [str(tool), "check", *map(str, check)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


async def test_the_port_of_figures_serves_nothing_else(figures: str) -> None:
    base = figures.removesuffix("/metrics")
    async with httpx.AsyncClient(base_url=base) as client:
        for path in ("/", "/metrics/", "/health/ready", "/metrics.txt"):
            assert (await client.get(path)).status_code == 404


def test_a_port_that_is_taken_costs_the_figures_alone(caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()
    metrics.serve("127.0.0.1", port)
    metrics.serve("127.0.0.1", port)
    assert f"no figures: port {port}" in caplog.text
