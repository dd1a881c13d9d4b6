"""The dashboard and the alerts ask only for metrics, labels and values that exist."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from prometheus_client import Counter, Gauge, Histogram
from pydantic import ValidationError

from scanner import metrics
from scanner.errors import BadOptionError
from scanner.settings import Settings
from scanner.shared_metrics import FOLDER as SHARED
from scanner.shared_metrics import told_alone

FOLDER = Path(__file__).parents[2] / "docs" / "monitoring"
ALERTS = [
    rule
    for group in yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
]
PANELS = json.loads((FOLDER / "dashboard.json").read_text())["panels"]
EXPRESSIONS = {rule["alert"]: rule["expr"] for rule in ALERTS} | {
    f"{panel['title']} {target['refId']}": target["expr"]
    for panel in PANELS
    for target in panel["targets"]
}
KEYWORDS = {"le"}
TWO_PROCESSES = """
import subprocess, sys
from scanner.shared_metrics import forget, shared

WORKER = "from scanner import metrics as m; m.OUTCOMES.labels('clear').inc(); m.DEAD_LETTERS.set(7)"

with shared():
    from prometheus_client import CollectorRegistry, multiprocess
    from scanner import metrics

    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)

    def told():
        decided = registry.get_sample_value("clearance_decisions_total", {"decision": "clear"})
        print(decided, registry.get_sample_value("clearance_dead_letters"))

    metrics.OUTCOMES.labels("clear").inc()
    metrics.DEAD_LETTERS.set(3)
    worker = subprocess.Popen([sys.executable, "-c", WORKER])
    worker.wait()
    told()
    forget(worker.pid)
    told()
"""


def known() -> dict[str, set[str]]:
    """The series that `/metrics` can have, with their labels."""
    series = {}
    for metric in vars(metrics).values():
        if isinstance(metric, Counter | Gauge | Histogram):
            labels = set(metric._labelnames)
            for described in metric.describe():
                name = described.name
                if isinstance(metric, Counter):
                    series[f"{name}_total"] = labels
                elif isinstance(metric, Gauge):
                    series[name] = labels
                else:
                    series |= {f"{name}_count": labels, f"{name}_bucket": labels | KEYWORDS}
    return series


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_an_expression_names_what_exists(name) -> None:
    expression, series = EXPRESSIONS[name], known()
    used = set(re.findall(r"\bclearance_[a-z_]+", expression))
    assert used or "up{" in expression
    assert used <= set(series)
    labels = {label for each in used for label in series[each]}
    asked = re.findall(r"\bby \(([^)]*)\)", expression)
    matched = re.findall(r"[{,]\s*([a-z_]+)\s*(?:=~|!=|!~|=)", expression)
    wanted = {label.strip() for each in asked for label in each.split(",")} | set(matched)
    assert wanted <= labels | {"job"}


def test_every_alert_says_how_bad_it_is_and_what_to_do() -> None:
    told = (FOLDER.parent / "monitoring.md").read_text()
    for rule in ALERTS:
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"]
        assert rule["alert"] in told


def test_panels_lie_beside_one_another() -> None:
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in PANELS}
    assert len(places) == len(PANELS) == len({panel["id"] for panel in PANELS})


def printed(program: str) -> str:
    """What a process of its own prints: metrics are counted from its start."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_a_worker_that_died_has_counted_and_says_nothing_of_now() -> None:
    assert printed(TWO_PROCESSES).splitlines() == ["2.0 7.0", "2.0 3.0"]


def test_of_what_any_process_can_look_up_several_instances_are_not_added_up() -> None:
    """A server, and each worker that is scraped by itself, says how much waits in the one database."""
    looked_up = [
        metric._name
        for metric in vars(metrics).values()
        if isinstance(metric, Gauge) and metric is not metrics.PREVIEWS_PLAYING
    ]
    summed = rf"\bsum\b[^)]*(\)\s*)?\(({'|'.join(looked_up)})\b"
    assert re.search(summed, "sum by (group) (clearance_queue_depth)")
    assert not [name for name, each in EXPRESSIONS.items() if re.search(summed, each)]


def test_a_worker_whose_counts_a_server_tells_tells_them_to_nobody_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(SHARED, "/nowhere")
    with pytest.raises(BadOptionError, match="exclude each other"), told_alone("127.0.0.1:9101"):
        pass


def test_an_address_on_which_nothing_can_listen_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(BadOptionError, match=f"on {address}: Address"), told_alone(address):
            pass
    for wrong in ("9101", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "http://a:1", ":9101"):
        with pytest.raises(ValidationError, match="worker_metrics"):
            Settings(worker_metrics=wrong)


def test_the_first_of_what_is_rare_is_an_increase() -> None:
    shown = "import scanner.metrics, prometheus_client as p; print(p.generate_latest().decode())"
    first = printed(shown)
    counted = {
        name
        for expression in EXPRESSIONS.values()
        for name in re.findall(r"increase\((clearance_[a-z_]+)", expression)
    }
    assert len(counted) == 2
    for name in counted:
        assert re.search(rf"^{name}(\{{.*\}})? 0\.0$", first, re.MULTILINE), name
