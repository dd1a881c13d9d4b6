"""The dashboard and the alerts ask only for metrics, labels and values that exist."""

import json
import re
from pathlib import Path

import pytest
import yaml
from prometheus_client import Counter, Gauge, Histogram

from scanner import metrics

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
