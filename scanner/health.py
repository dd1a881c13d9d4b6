"""Whether this process can work: each part it needs, checked with its name and its result."""

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from typing import TYPE_CHECKING, Any, Final

import structlog
from prometheus_client import CollectorRegistry, generate_latest, multiprocess, registry
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from scanner.errors import ScannerError
from scanner.metrics import count_what_waits

if TYPE_CHECKING:
    from scanner.service import Service

CHECK_SECONDS: Final = 5.0
KEPT_SECONDS: Final = 1.0

log = structlog.get_logger()


class Health:
    """Checks the parts side by side; a result is kept for a second, so that probes cost little."""

    def __init__(self, service: "Service") -> None:
        self._checks: dict[str, Callable[[], None]] = {
            "database": lambda: _database(service),
            "bus": lambda: _bus(service),
            "index": lambda: _index(service),
            "store": lambda: _store(service),
        }
        self._threads = ThreadPoolExecutor(len(self._checks), thread_name_prefix="ready")
        self._lock = threading.Lock()
        self._checked_at = -KEPT_SECONDS
        self._report: dict[str, Any] = {}

    def report(self) -> dict[str, Any]:
        """Return ``{"status": "ready" | "not_ready", "checks": {part: …}}``."""
        with self._lock:
            if time.monotonic() - self._checked_at >= KEPT_SECONDS:
                self._report = self._check()
                self._checked_at = time.monotonic()
            return self._report

    def close(self) -> None:
        """Let the checking threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _check(self) -> dict[str, Any]:
        running = {name: self._threads.submit(_timed, run) for name, run in self._checks.items()}
        deadline = time.monotonic() + CHECK_SECONDS
        checks: dict[str, dict[str, Any]] = {}
        for name, future in running.items():
            try:
                seconds = future.result(max(0.0, deadline - time.monotonic()))
                checks[name] = {"ok": True, "seconds": round(seconds, 4)}
            except TookTooLong:
                checks[name] = {"ok": False, "error": "no answer in time"}
            except Exception as error:
                # Why goes to the log: messages may hold addresses and paths.
                log.warning("not_ready", part=name, exc_info=error)
                checks[name] = {"ok": False, "error": type(error).__name__}
        ready = all(check["ok"] for check in checks.values())
        return {"status": "ready" if ready else "not_ready", "checks": checks}


def metrics(service: "Service") -> bytes:
    """Return the metrics of this process, or of all of them where they share a folder.

    Prometheus' client shares metrics between processes through ``PROMETHEUS_MULTIPROC_DIR``. What
    waits is counted anew, since the workers that count it too are other processes.
    """
    try:
        count_what_waits(service)
    except (ScannerError, SQLAlchemyError) as error:
        log.warning("waiting_unknown", error=type(error).__name__)
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        shared = CollectorRegistry()
        multiprocess.MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
        return generate_latest(shared)
    return generate_latest(registry.REGISTRY)


def _timed(run: Callable[[], None]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


# Each part is opened by its check: one that can't even be opened is a result, too.


def _bus(service: "Service") -> None:
    service.transport.check()


def _index(service: "Service") -> None:
    service.catalogue.check()


def _store(service: "Service") -> None:
    service.store.check()


def _database(service: "Service") -> None:
    service.database.check()
    with service.database.reading() as session:
        session.execute(text("SELECT 1"))
