"""Whether this process can work: each part it needs, checked with its name and its result."""

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import structlog
from anyio import CapacityLimiter
from prometheus_client import (
    CollectorRegistry,
    ProcessCollector,
    generate_latest,
    multiprocess,
    registry,
)
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from scanner import dmca_agent
from scanner.errors import ScannerError
from scanner.metrics import count_what_waits

if TYPE_CHECKING:
    from scanner.service import Service

CHECK_SECONDS: Final = 5.0
KEPT_SECONDS: Final = 1.0
LONG_KEPT_SECONDS: Final = {"store": 10.0}
"""How long a good result is kept where a check costs more: the store's writes to S3."""
THREADS_ASKED: Final = 2
_NO_ANSWER: Final = {"ok": False, "error": "no answer in time"}

log = structlog.get_logger()


class Health:
    """Checks the parts side by side; results are kept for a while, so that probes cost little.

    A check that hangs keeps its one thread: until it ends its part has no answer, and no other
    part waits for it.
    """

    def __init__(self, service: "Service") -> None:
        import scanner.consumer_groups  # noqa: F401 - seconds that no probe should wait for

        self._checks: dict[str, Callable[[], None]] = {
            "database": lambda: _database(service),
            "bus": lambda: _bus(service),
            **_indexes(service),
            "store": lambda: _store(service),
        }
        self._service = service
        self.probes, self.scrapes = (CapacityLimiter(THREADS_ASKED) for _ in range(2))
        self._threads = ThreadPoolExecutor(len(self._checks), thread_name_prefix="ready")
        self._running: dict[str, Future[float]] = {}
        self._well: dict[str, tuple[float, dict[str, Any]]] = {}  # when, and with what result
        self._lock = threading.Lock()
        self._checked_at = -KEPT_SECONDS
        self._report: dict[str, Any] = {}

    def report(self) -> dict[str, Any]:
        """Return ``{"status": "ready" | "not_ready", "checks": {part: …}, "warnings": […]}``."""
        with self._lock:
            if time.monotonic() - self._checked_at >= KEPT_SECONDS:
                self._report = self._check()
                self._checked_at = time.monotonic()
            return self._report

    def close(self) -> None:
        """Let the checking threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _check(self) -> dict[str, Any]:
        kept = {name: result for name in self._checks if (result := self._kept(name)) is not None}
        busy = {name for name, last in self._running.items() if not last.done()}
        started = {
            name: self._threads.submit(_timed, run)
            for name, run in self._checks.items()
            if name not in kept and name not in busy
        }
        self._running |= started
        deadline = time.monotonic() + CHECK_SECONDS
        checks = {name: kept.get(name, _NO_ANSWER) for name in self._checks}
        checks |= {name: self._result(name, check, deadline) for name, check in started.items()}
        ready = all(check["ok"] for check in checks.values())
        report = {"status": "ready" if ready else "not_ready", "checks": checks}
        return report | {"warnings": dmca_agent.warnings(self._service)}

    def _kept(self, name: str) -> dict[str, Any] | None:
        """Return the last good result of a part that is not checked for every probe."""
        at, result = self._well.get(name, (0.0, None))
        return result if time.monotonic() - at < LONG_KEPT_SECONDS.get(name, 0.0) else None

    def _result(self, name: str, check: "Future[float]", deadline: float) -> dict[str, Any]:
        try:
            seconds = check.result(max(0.0, deadline - time.monotonic()))
        except TookTooLong:
            return _NO_ANSWER
        except Exception as error:
            # Why goes to the log: messages may hold addresses and paths.
            log.warning("not_ready", part=name, exc_info=error)
            return {"ok": False, "error": type(error).__name__}
        result = {"ok": True, "seconds": round(seconds, 4)}
        self._well[name] = (time.monotonic(), result)
        return result


def metrics(service: "Service") -> bytes:
    """Return the metrics of this process, or of all of them where they share a folder.

    Prometheus' client shares metrics between processes through ``PROMETHEUS_MULTIPROC_DIR``, which a server sets
    for its workers. What waits is counted anew, since workers may be elsewhere.
    """
    try:
        count_what_waits(service)
    except (ScannerError, SQLAlchemyError) as error:
        log.warning("waiting_unknown", error=type(error).__name__)
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        shared = CollectorRegistry()
        multiprocess.MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
        ProcessCollector(registry=shared)
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


def _indexes(service: "Service") -> dict[str, Callable[[], None]]:
    """Return a check of the index, or of each shard of it by its name."""
    count = len(service.settings.index_shards)
    if not count:
        return {"index": lambda: _index(service)}
    return {
        f"shard {number}/{count}": partial(_shard, service, number)
        for number in range(1, count + 1)
    }


def _shard(service: "Service", number: int) -> None:
    service.sharded_catalogue.check_shard(number)


def _store(service: "Service") -> None:
    service.store.check()


def _database(service: "Service") -> None:
    service.database.check()
    with service.database.reading() as session:
        session.execute(text("SELECT 1"))
