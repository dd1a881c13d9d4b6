"""Public reports: counted once for each platform, and no platform waits for another's."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import event

from scanner.console import public_reports
from scanner.errors import BusyError
from scanner.service import Service
from tests.running import add_tenant


class Gate:
    """Holds what is asked of the database about one platform until it is opened, and counts it."""

    def __init__(self, service: Service, tenant_id: str) -> None:
        self.tenant_id, self.reached, self.opened = tenant_id, threading.Event(), threading.Event()
        self.asked = 0
        event.listen(service.database.engine, "before_cursor_execute", self.hold)

    def hold(self, _connection, _cursor, _statement, parameters, *_) -> None:
        if self.tenant_id in str(parameters):
            self.asked += 1
            self.reached.set()
            assert self.opened.wait(60)


def test_no_platform_waits_for_anothers_report_or_loses_its_own_to_it(
    make_service, monkeypatch
) -> None:
    service = make_service()
    slow, quick = (add_tenant(service, name).tenant_id for name in ("slow", "quick"))
    monkeypatch.setattr(public_reports, "PATIENCE_SECONDS", 0.05)
    gate = Gate(service, slow)

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(public_reports.of_year, service, slow, 2025)
        assert gate.reached.wait(60)
        assert public_reports.of_year(service, quick, 2025)
        with pytest.raises(BusyError, match="being counted"):
            public_reports.of_year(service, slow, 2025)
        gate.opened.set()
        assert first.result(60)

    for year in range(2010, 2024):
        public_reports.of_year(service, quick, year)
    before = gate.asked
    assert public_reports.of_year(service, slow, 2025) is first.result()
    assert gate.asked == before
