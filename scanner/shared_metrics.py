"""One ``/metrics`` for a server and its workers, and one for a worker that runs alone.

Nearly all that is counted is counted by workers.

Prometheus' client shares metrics between processes by files in a folder, of which it learns from the environment
when it is imported; so nothing here imports it before it has to.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Final

from scanner.errors import BadOptionError
from scanner.wording import Told

FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"


@contextmanager
def shared() -> Iterator[None]:
    """Let this process and those that it starts share their metrics while they run.

    A folder that the environment names already is left as it is. Where the client was imported before, it is too late,
    and each process has its own.
    """
    if FOLDER in os.environ or "prometheus_client" in sys.modules:
        yield
        return
    with TemporaryDirectory(prefix="clearance-metrics-", ignore_cleanup_errors=True) as folder:
        os.environ[FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[FOLDER]


def forget(pid: int) -> None:
    """Drop what a process that ended said of now; what it counted stays counted."""
    if FOLDER not in os.environ:
        return
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(pid)  # type: ignore[no-untyped-call]


@contextmanager
def told_alone(address: str | None) -> Iterator[None]:
    """Answer ``/metrics`` at an address for what this process alone counts, while it runs; nowhere without one.

    Raises
    ------
    BadOptionError
        If nothing can listen there, or what this process counts is told by a server already: it would be counted twice.
    """
    if address is None:
        yield
        return
    if FOLDER in os.environ:
        raise BadOptionError(
            Told(
                "%(folder)s and CLEARANCE_WORKER_METRICS exclude each other: what processes share in a folder is "
                "told by the server; unset one",
                folder=FOLDER,
            )
        )
    from prometheus_client import start_http_server

    host, _, port = address.rpartition(":")
    try:
        server, thread = start_http_server(int(port), host.strip("[]"))
    except OSError as error:
        raise BadOptionError(
            Told(
                "CLEARANCE_WORKER_METRICS: nothing can listen on %(address)s: %(why)s",
                address=address,
                why=error.strerror,
            )
        ) from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
