"""Readiness: what a probe is told while parts hang, and what it costs."""

import json
import time

import pytest
import s3fs  # noqa: F401 - its second of imports is not what a check waits for

from scanner import health
from scanner.health import Health
from tests.loopback import Listener


@pytest.fixture
def at_once(monkeypatch) -> None:
    """Every report is made anew."""
    monkeypatch.setattr(health, "KEPT_SECONDS", 0.0)


def test_a_part_that_hangs_takes_no_other_part_with_it(make_service, at_once, monkeypatch) -> None:
    monkeypatch.setattr(health, "CHECK_SECONDS", 2.0)
    server = Listener(lambda connection, _: connection.recv(1))
    service = make_service(
        store_url="s3://audio/store",
        store_options={
            "endpoint_url": f"http://{server.host}",
            "key": "a",
            "secret": "b",
            "config_kwargs": {"retries": {"max_attempts": 0}},
        },
    )
    checker = Health(service)
    try:
        reports = [checker.report() for _ in range(6)]
        started = time.monotonic()
        checker.report()
        took = time.monotonic() - started
    finally:
        checker.close()
        server.close()

    for report in reports:
        assert report["status"] == "not_ready"
        failed = {name: each for name, each in report["checks"].items() if not each["ok"]}
        assert failed == {"store": {"ok": False, "error": "no answer in time"}}
        assert json.dumps(report)
    assert server.accepted == 1
    assert took < 1


def test_a_store_that_is_well_is_not_written_to_by_every_probe(service, at_once) -> None:
    checker = Health(service)
    first = checker.report()
    written = (service.settings.home / "store").stat().st_mtime_ns

    second = checker.report()
    checker.close()

    assert (first["status"], second["status"]) == ("ready", "ready")
    assert (service.settings.home / "store").stat().st_mtime_ns == written


def test_a_store_that_fails_is_looked_at_again_at_once(service, at_once) -> None:
    store = service.settings.home / "store"
    store.write_text("no folder")
    checker = Health(service)
    assert checker.report()["status"] == "not_ready"

    store.unlink()

    assert checker.report()["status"] == "ready"
    checker.close()
