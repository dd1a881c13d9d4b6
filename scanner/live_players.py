"""Processes that play previews: one is kept ready, so that the first bar comes at once."""

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import structlog
from numpy.typing import NDArray

from scanner.errors import TransientError
from scanner.threads import ONE_EACH

_GRACE_SECONDS: Final = 1.0
Samples = NDArray[np.float32]

log = structlog.get_logger()


@dataclass(frozen=True, eq=False)
class PlayedBar:
    """A bar as a player gives it: what it says of it, and samples of shape (2, n), not limited."""

    said: Mapping[str, Any]
    samples: Samples

    @property
    def last(self) -> bool:
        return bool(self.said["last"])


class Player:
    """One process. Bars are asked for one by one, so it is never further ahead than one wants.

    Parameters
    ----------
    cpu_seconds : int
        After which the system ends it.
    """

    def __init__(self, cpu_seconds: int) -> None:
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "scanner.live_child", str(cpu_seconds)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=_environment(),
            )
        except OSError as error:
            raise TransientError("no process to play a preview can be started") from error
        self._answers: queue.Queue[PlayedBar | None] = queue.Queue()
        self._missing: str | None = None
        self.ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def begin(self, fields: Mapping[str, Any], *, endless: bool) -> None:
        """Say what is to be played."""
        self._write({"fields": fields, "endless": endless})

    def ask(self, controls: Mapping[str, Any], *, another: bool = False) -> None:
        """Ask for the next bar."""
        self._write({"controls": controls, "another": another})

    def take(self, patience: float) -> PlayedBar | None:
        """Return the next bar that was asked for; None if there is none any more.

        Raises
        ------
        TimeoutError
            If it does not come in so many seconds; it comes later.
        TransientError
            If something that it needs is not installed.
        """
        try:
            bar = self._answers.get(timeout=max(0.0, patience))
        except queue.Empty:
            raise TimeoutError from None
        if bar is None:
            self._answers.put(None)  # the end stays the end
            if self._missing:
                raise TransientError(self._missing)
        return bar

    def end(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.wait(_GRACE_SECONDS)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except (BrokenPipeError, ValueError):
                    continue

    def _write(self, order: Mapping[str, Any]) -> None:
        try:
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError):
            log.warning("preview_player_gone", returncode=self._process.poll())

    def _read(self) -> None:
        output = self._process.stdout
        assert output is not None
        try:
            while line := output.readline():
                said = json.loads(line)
                if "ready" in said:
                    self.ready.set()
                elif "samples" in said:
                    content = output.read(8 * said["samples"])
                    samples = np.frombuffer(content, np.float32).reshape(2, -1)
                    self._answers.put(PlayedBar(said, samples))
                else:
                    self._missing = said.get("missing")
                    break
        except ValueError:  # the pipe was closed, or the process was ended in the middle of a bar
            pass
        finally:
            self.ready.set()
            self._answers.put(None)


class Players:
    """Gives out players; one more is always being made ready."""

    def __init__(self, cpu_seconds: int) -> None:
        self._cpu_seconds = cpu_seconds
        self._spare: Player | None = None
        self._guard = threading.Lock()
        self._closed = False

    def make_ready(self) -> None:
        """See to it that one is ready soon."""
        with self._guard:
            if self._closed or (self._spare is not None and self._spare.alive):
                return
            self._spare = Player(self._cpu_seconds)

    @property
    def waiting(self) -> Player | None:
        """The one that waits for its listener."""
        return self._spare

    def player(self) -> Player:
        """Return one that nobody else has."""
        with self._guard:
            spare, self._spare = self._spare, None
        if spare is not None and spare.alive:
            return spare
        return Player(self._cpu_seconds)

    def close(self) -> None:
        """End the one that waits."""
        with self._guard:
            spare, self._spare, self._closed = self._spare, None, True
        if spare is not None:
            spare.end()


def _environment() -> dict[str, str]:
    """Return what a player may know: nothing of the service's settings and secrets."""
    packages = str(Path(__file__).parent.parent)
    return ONE_EACH | {"PYTHONPATH": os.pathsep.join([packages, *filter(None, sys.path)])}
