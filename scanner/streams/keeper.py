"""Listens to the streams that have an address: one thread for each, in whichever worker is free."""

import threading
import time
from typing import TYPE_CHECKING, Final

import structlog

from scanner.audio import AudioError
from scanner.errors import BusyError, ConflictError
from scanner.fetch import FetchError
from scanner.streams import records, sources
from scanner.streams.hearing import Hearing
from scanner.tables import Stream

if TYPE_CHECKING:
    from scanner.service import Service
    from scanner.streams.records import Connection

LOST: Final = "lost"
FINISHED: Final = "finished"
TOO_LONG: Final = "too-long"
SOUNDLESS_SECONDS: Final = 40.0
"""So long a server may send what has no sound in it; then the lease, which sound renews, still holds."""
TRIED_SECONDS: Final = 30.0
"""So long a stream is tried before it is lost, since no worker may have been there to hear it."""

log = structlog.get_logger()


class Keeper:
    """One worker's listeners.

    Parameters
    ----------
    stopping : threading.Event
        Set when the worker ends: listeners let go, and another worker goes on.
    """

    def __init__(self, service: "Service", stopping: threading.Event) -> None:
        self._service = service
        self._stopping = stopping
        self._threads: dict[str, threading.Thread] = {}

    def run_due(self) -> None:
        """Begin to listen to what nobody listens to, as far as this worker has room."""
        self._threads = {key: each for key, each in self._threads.items() if each.is_alive()}
        records.note_busy(self._service)
        free = self._service.settings.streams - len(self._threads)
        if free <= 0 or self._stopping.is_set():
            return
        for stream_id in records.due(self._service, free, but=list(self._threads)):
            thread = threading.Thread(target=self._listen, args=(stream_id,), daemon=True)
            self._threads[stream_id] = thread
            thread.start()

    def close(self) -> None:
        """Wait until every listener has let go."""
        for thread in self._threads.values():
            thread.join()

    def _listen(self, stream_id: str) -> None:
        try:
            connection = records.connect(self._service, stream_id)
        except (ConflictError, BusyError):  # another worker was quicker, or it ended meanwhile
            return
        try:
            self._hear(connection)
        except Exception:
            log.exception("listener_broke", stream=stream_id)
            records.disconnect(self._service, connection, "internal-error", retries=True)

    def _hear(self, connection: "Connection") -> None:
        service = self._service
        if connection.url is None:
            raise ValueError("a stream without an address is sent, not fetched")
        hearing: Hearing | None = None
        problem: AudioError | FetchError | None = None
        began = time.monotonic()
        over_at = began + max(1.0, 3600 * service.settings.stream_hours - connection.start)

        def deadline() -> float:
            sounded_at = began if hearing is None else hearing.sounded_at
            return min(over_at, sounded_at + SOUNDLESS_SECONDS)

        guard = service.url_guard.of(connection.tenant_id)
        try:
            for block in sources.blocks(connection.url, guard, deadline):
                hearing = hearing or Hearing(service, connection, is_live=block.is_live)
                if self._stopping.is_set() or not hearing.feed(block.data):
                    break
        except FetchError as error:
            problem = error
        finally:
            if hearing is not None:
                hearing.close()
        if hearing is not None and hearing.is_over:
            records.disconnect(service, connection, "internal-error", retries=True)
            return
        problem = (hearing.problem if hearing else None) or problem
        self._settle(connection, problem)

    def _settle(self, connection: "Connection", problem: AudioError | FetchError | None) -> None:
        """Say how it ended: for good, or to be tried again, as whatever was heard before is."""
        service = self._service
        if problem is None and not self._stopping.is_set():
            records.end(service, connection.stream_id, FINISHED)
            return
        records.disconnect(service, connection, problem.problem if problem else None, retries=True)
        with service.database.reading() as session:
            row = session.get_one(Stream, connection.stream_id)
        if row.heard_seconds >= 3600 * service.settings.stream_hours:
            records.end(service, row.id, TOO_LONG)
        elif problem is not None and not problem.transient and row.heard_at is None:
            records.end(service, row.id, problem.problem)
        elif _is_lost(service, row):
            records.end(service, row.id, LOST)


def _is_lost(service: "Service", row: Stream) -> bool:
    patience = service.settings.stream_lost_seconds
    silent = (service.now() - (row.heard_at or row.created_at)).total_seconds()
    tried = 2.0 ** min(row.retries - 1, 5) - 1  # seconds from the first of these tries on
    return silent >= patience and tried >= min(patience, TRIED_SECONDS)
