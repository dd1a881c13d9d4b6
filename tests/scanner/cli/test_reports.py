"""``report``: what the law asks for, from the registry and the settings."""

import json
from pathlib import Path

from tests.program import answer, clearance, initialised


def test_the_reports_say_what_the_registry_and_the_settings_say(tmp_path: Path) -> None:
    shards = "http://a:1,http://b:1"
    record = answer(
        tmp_path,
        "report",
        "processing",
        CLEARANCE_KAFKA="broker:9092",
        CLEARANCE_INDEX_SHARDS=shards,
    )
    assert any(each.startswith("2 shards") for each in record["recipients"])
    (account,) = [each for each in record["activities"] if each["table"] == "account"]
    assert account["personal"] == ["external_id"]
    assert any(each.startswith("Kafka") for each in record["recipients"])
    without = answer(tmp_path, "report", "processing")
    assert not any(each.startswith("Kafka") for each in without["recipients"])
    assessment = answer(tmp_path, "report", "impact")
    assert {"restrict", "block"} >= {
        rule["outcome"] for rule in assessment["automated_decisions"]["rules"]
    }
    assert assessment["risks"]
    for name in ("processing", "impact"):
        text = clearance(tmp_path, "report", name).stdout
        assert text.startswith("# ")
        assert "to be filled in by the controller" in text


def test_what_a_report_says_of_the_code_is_there(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[3]
    named = [
        part.strip()
        for risk in answer(tmp_path, "report", "impact")["risks"]
        for part in risk["where"].split(",")
    ]
    assert named
    assert all((root / each).is_file() for each in named)


def test_a_transparency_report_is_printed_in_each_form(tmp_path: Path) -> None:
    period = ("report", "transparency", "--from", "2026-01-01", "--to", "2026-12-31")

    initialised(tmp_path)
    report = json.loads(clearance(tmp_path, *period).stdout)
    assert report["complaints"]["filed"] == 0
    assert clearance(tmp_path, *period, "--format", "csv").stdout.startswith("section,")
    assert clearance(tmp_path, *period, "--format", "html").stdout.startswith("<!DOCTYPE html>")
    figures = clearance(tmp_path, "report", "kpis", *period[2:]).stdout
    assert "time_to_decision" in figures and "fewer than 10" in figures
    backwards = ("--from", "2026-02-01", "--to", "2026-01-01")
    wrong = clearance(tmp_path, "report", "transparency", *backwards, status=None)
    assert wrong.returncode == 2
    assert "swap" in wrong.stderr
