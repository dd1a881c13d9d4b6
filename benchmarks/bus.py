"""What the bus itself costs: one journalled event from its commit to its handler's commit.

``python -m benchmarks.bus``

The handler does nothing but write its mark, so everything measured is journal, seal, publication,
delivery, dispatch and acknowledgement. A track takes about eight such hops. SQLite, one worker,
settings as shipped; the broker is Tansu on the same machine, its own CPU time is not counted.
"""

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

import structlog

from scanner.bus.dispatch import once
from scanner.bus.groups import Group
from scanner.bus.worker import run_worker
from scanner.clock import utc_now
from scanner.events import TRACKS, TrackWithdrawn
from scanner.journal import Event, record
from scanner.secrets import make_key_file
from scanner.service import Service
from scanner.settings import Settings
from tests.servers import free_port, running_broker, wait_until

BURST: Final = 1000
SINGLES: Final = 60
WARM: Final = 20
GROUP: Final = "measured"


class MeasuredService(Service):
    """A service whose one handler notes when it committed."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.handled_at: dict[str, float] = {}

    @property
    def groups(self) -> tuple[Group, ...]:
        return (Group(GROUP, (TRACKS,), {TrackWithdrawn.type: self._handle}),)

    def _handle(self, service: Service, event: Event) -> None:
        with once(service, GROUP, event):
            pass
        self.handled_at[event.id] = time.perf_counter()


def measure() -> list[dict[str, Any]]:
    """One row a transport: a burst for the cost, single events for the delay."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    rows = []
    for transport in ("embedded", "kafka"):
        with _service(transport) as service, _working(service):
            _handle(service, WARM)
            delays = []
            for _ in range(SINGLES):
                (event,) = _happen(service, 1)
                started = time.perf_counter()
                _wait(service, [event])
                delays.append(service.handled_at[event.id] - started)
                time.sleep(0.05)
            wall, cpu = _handle(service, BURST)
        rows.append(
            {
                "transport": transport,
                "events_per_second": round(BURST / wall),
                "cpu_ms_per_event": round(1000 * cpu / BURST, 2),
                "delay_ms_median": round(1000 * median(delays), 1),
                "delay_ms_p95": round(1000 * quantiles(delays, n=20)[-1], 1),
            }
        )
    return rows


def _handle(service: MeasuredService, count: int) -> tuple[float, float]:
    """Journal events in one transaction; return seconds and CPU seconds until all are handled."""
    started, cpu = time.perf_counter(), time.process_time()
    _wait(service, _happen(service, count))
    return time.perf_counter() - started, time.process_time() - cpu


def _happen(service: Service, count: int) -> list[Event]:
    now = utc_now()
    with service.database.transaction() as session:
        return [
            record(
                session,
                tenant_id=None,
                subject=f"subject {time.perf_counter_ns()} {n}",
                version=1,
                data=TrackWithdrawn(reason="benchmark"),
                now=now,
            )
            for n in range(count)
        ]


def _wait(service: MeasuredService, events: list[Event]) -> None:
    wait_until(lambda: all(each.id in service.handled_at for each in events), 120, "handling")


@contextmanager
def _service(transport: str) -> Iterator[MeasuredService]:
    with tempfile.TemporaryDirectory() as folder:
        make_key_file(Path(folder))
        port = free_port()
        kafka = f"127.0.0.1:{port}" if transport == "kafka" else None
        service = MeasuredService(Settings(home=Path(folder), kafka=kafka))
        with service:
            service.database.upgrade()
            if kafka is None:
                yield service
            else:
                with running_broker(port):
                    yield service


@contextmanager
def _working(service: Service) -> Iterator[None]:
    stopping = threading.Event()
    thread = threading.Thread(target=run_worker, args=(service, None, stopping))
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


if __name__ == "__main__":
    for row in measure():
        print(row)
