"""Listens to one connection of a stream: bytes go in, what is on is noted while it is on."""

import os
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO, Final

import numpy as np
import structlog
from numpy.typing import NDArray

import fingerprint
from scanner.audio import AudioError
from scanner.audio.live import CHANNELS, FRAME_BYTES, RATE
from scanner.errors import BusyError, TransientError
from scanner.metrics import STREAM_WINDOWS
from scanner.streams import records, searching
from scanner.streams.plays import Play, Plays
from scanner.streams.records import Connection, StreamOverError

if TYPE_CHECKING:
    from scanner.service import Service

WINDOW: Final = 10 * RATE
"""Samples that are searched at once."""
STEP: Final = RATE
HOP: Final = 2 * RATE
"""Samples from one search to the next; where something may be on, the next step is searched."""
LEAST: Final = 4 * RATE
"""Samples without which nothing is searched."""
LATE_SECONDS: Final = 5.0
"""Behind a live source by more, only clean copies are looked for; by twice as much, nothing is."""
WAITED_SECONDS: Final = 0.5
"""Whoever waits so long for a hop has all that came: what is there already is decoded in far less."""
CPU_SECONDS_AN_HOUR: Final = 120

log = structlog.get_logger()


class Pace:
    """How far a live source is ahead of who hears it; one that pauses is not ahead by its pause.

    Parameters
    ----------
    began : float
        When the source began, in seconds of any clock, as are all times here.
    """

    def __init__(self, began: float) -> None:
        self._began = began

    def took(self, asked: float, came: float, heard: float) -> None:
        """Take note of when a hop was asked for, when it came, and how many seconds are heard by its end."""
        if came - asked >= WAITED_SECONDS:
            self._began = max(self._began, came - heard)

    def lag(self, now: float, heard: float) -> float:
        """Return by how many seconds the source is ahead, less than 0 where it sent more than it played."""
        return now - self._began - heard


class Hearing:
    """One connection's audio, decoded in a limited child and searched window by window.

    `feed` blocks while the search is behind, so a file that is sent faster than it plays is heard
    whole.

    Parameters
    ----------
    connection : Connection
    is_live : bool
        Whether the source waits for nobody: what can't be searched in time is searched less
        thoroughly, or left out and told.
    """

    def __init__(self, service: "Service", connection: Connection, *, is_live: bool) -> None:
        self._service = service
        self._connection = connection
        self._is_live = is_live
        self._plays = Plays()
        self._window: deque[NDArray[np.float32]] = deque(maxlen=WINDOW // STEP)
        self._heard = self._unsearched = 0  # samples; the latter are the newest of the former
        self.sounded_at = self._asked_at = time.monotonic()
        """When sound last came, or was last searched."""
        self._fed_at = self._came_at = self.sounded_at  # bytes, and the last whole step
        self._pace = Pace(self.sounded_at)
        self.problem: AudioError | None = None
        self.is_over = self.is_taken = False
        """Whether this connection is, and whether that is since the stream is not its own any more."""
        source, ours = os.pipe()
        self._source = os.fdopen(ours, "wb", buffering=0)
        theirs, output = os.pipe()
        self._threads = [
            threading.Thread(target=self._decode, args=(source, output), daemon=True),
            threading.Thread(target=self._hear, args=(theirs,), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def feed(self, block: bytes) -> bool:
        """Take the next bytes of the source; tell whether more are wanted."""
        view = memoryview(block)
        self._fed_at = time.monotonic()
        try:
            while view:
                view = view[self._source.write(view) :]
        except (BrokenPipeError, ValueError):  # nobody decodes any more
            return False
        return not self.is_over

    def close(self) -> None:
        """Say that nothing follows, and wait until all that came is heard."""
        self._source.close()
        for thread in self._threads:
            thread.join()

    @property
    def position(self) -> float:
        """Seconds of the stream that were heard."""
        return self._connection.start + self._heard / RATE

    def _decode(self, source: int, output: int) -> None:
        hours = self._service.settings.stream_hours
        limits = replace(
            self._service.settings.decode_limits(),
            wall_seconds=3600 * hours,
            cpu_seconds=int(CPU_SECONDS_AN_HOUR * (1 + hours)),
        )
        try:
            self._service.decoder.children.run("listen", [source, output], limits)
        except AudioError as error:
            self.problem = error
        finally:
            os.close(output)
            os.close(source)  # who feeds learns that nobody reads

    def _hear(self, samples: int) -> None:
        try:
            with os.fdopen(samples, "rb", buffering=0) as decoded:
                while block := _whole(decoded, STEP * FRAME_BYTES):
                    self.sounded_at = time.monotonic()
                    if len(block) == STEP * FRAME_BYTES:
                        self._came_at = self.sounded_at
                    self._take(np.frombuffer(block, np.float32).reshape(-1, CHANNELS))
                    self.sounded_at = self._asked_at = time.monotonic()
                    if len(block) < STEP * FRAME_BYTES:
                        break
            if self._unsearched:
                self._search()
            over = self._plays.end()
            if self._heard:
                self._keep(over=over)
        except StreamOverError:
            self.is_over = self.is_taken = True
        except Exception:  # the connection ends and is made again, and somebody is told
            log.exception("stream_broke", stream=self._connection.stream_id)
            self.is_over = True

    def _take(self, block: NDArray[np.float32]) -> None:
        self._heard += len(block)
        self._unsearched += len(block)
        self._pace.took(self._asked_at, self.sounded_at, self._heard / RATE)
        self._window.append(block)
        may_be_on = self._plays.is_undecided(self.position) and self._lag() <= LATE_SECONDS
        if self._unsearched >= HOP or may_be_on:
            self._search()

    def _search(self) -> None:
        held = sum(map(len, self._window))
        if held < LEAST:
            return
        until = self.position
        at = until - held / RATE
        since, self._unsearched = until - self._unsearched / RATE, 0
        lag = self._lag()
        if lag > 2 * LATE_SECONDS:
            STREAM_WINDOWS.labels("left out").inc()
            self._keep(unsearched=(since, until))
            return
        try:
            found = searching.found_in(
                self._service,
                self._connection,
                np.concatenate(self._window).T,
                on=frozenset(play.reference_id for play in self._plays.open if play.is_said),
                is_quick=lag > LATE_SECONDS,
            )
        except (BusyError, TransientError, fingerprint.FingerprintError) as error:
            log.warning("stream_unsearched", stream=self._connection.stream_id, why=str(error))
            STREAM_WINDOWS.labels("failed").inc()
            self._keep(unsearched=(since, until))
            return
        begun, over = self._plays.hear(at, until, found)
        self._keep(begun=begun, over=over, lag=max(0.0, self._lag()))

    def _lag(self) -> float:
        """Return by how many seconds a live source is ahead of what was searched."""
        if not self._is_live:
            return 0.0
        return self._pace.lag(time.monotonic(), self._heard / RATE)

    def _keep(
        self,
        begun: Sequence[Play] = (),
        over: Sequence[Play] = (),
        lag: float = 0.0,
        unsearched: tuple[float, float] | None = None,
    ) -> None:
        """Keep what a hop changed and how far the stream was heard: whoever ends it waits for that."""
        now = time.monotonic()
        records.note_heard(
            self._service,
            self._connection,
            self.position,
            begun=begun,
            on=[play for play in self._plays.open if play.record],
            over=over,
            lag=lag,
            unsearched=unsearched,
            silent=now - min(self._fed_at, self._came_at + self._heard % STEP / RATE),
        )


def _whole(file: BinaryIO, size: int) -> bytes:
    """Return ``size`` bytes, fewer only at the end."""
    parts: list[bytes] = []
    while size and (part := file.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
