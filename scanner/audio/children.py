"""The service's side of work on strangers' bytes: asks the zygote for a limited child and hears it."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import scanner
from scanner.audio.decoded import MESSAGE, DecodeLimits
from scanner.audio.errors import AudioError
from scanner.threads import ONE_EACH
from scanner.wording import Told

_GRACE_SECONDS: Final = 10.0
"""What work may take beyond its wall time, for the first start and a slow machine."""

Answering = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Answers what a child asks amid its work, JSON to JSON."""


class LimitedChildren:
    """Does work in child processes that are forked from a pre-warmed one.

    Safe to use from many threads; each piece of work is a process of its own, so the caller bounds
    how many run at once. The pre-warmed process starts with the first work and again if it dies.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.zygote: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._closed = False

    def close(self) -> None:
        """End the pre-warmed process and with it the work that still runs."""
        with self._lock:
            self._closed = True
            self._stop()

    def run(
        self,
        work: str,
        descriptors: Sequence[int],
        limits: DecodeLimits,
        answering: Answering | None = None,
    ) -> dict[str, Any]:
        """Do one piece of work and return its report.

        Parameters
        ----------
        work : str
            A name in the zygote's table.
        descriptors : sequence of int
            Files that the work reads and writes: all that the child can reach.

        Raises
        ------
        AudioError
            If the file is at fault, or the work broke a limit; ``transient`` if that is not the
            file's fault. Whatever ``answering`` raises is raised here too.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours:
            with theirs:
                self._request(work, [theirs.fileno(), *descriptors], limits)
            ours.settimeout(limits.wall_seconds + _GRACE_SECONDS)
            try:
                said, ended = _messages(ours, answering)
            except TimeoutError:
                self._restart()
                raise _timed_out(limits) from None
        return _outcome(said, ended, limits)

    def _request(self, work: str, descriptors: list[int], limits: DecodeLimits) -> None:
        """Hand descriptors to the pre-warmed process, starting it when it is not there."""
        request = json.dumps(
            {"work": work, "limits": asdict(limits), "descriptors": len(descriptors)}
        ).encode()
        with self._lock:
            if self._closed:
                raise AudioError("decoder-closed", "the service is stopping", transient=True)
            for again in (False, True):
                if self._control is None or again:
                    self._stop()
                    self._control = self._start()
                try:
                    socket.send_fds(self._control, [request], descriptors)
                    return
                except OSError as error:
                    if again:
                        raise AudioError(
                            "decoder-crashed", "the decoder can't be started", transient=True
                        ) from error

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.zygote = subprocess.Popen(
                [sys.executable, "-P", "-m", "scanner.audio.zygote"],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                env=_environment(),
                start_new_session=True,
            )
        return ours

    def _stop(self) -> None:
        if self._control is not None:
            self._control.close()
        if self.zygote is not None:
            self.zygote.kill()
            self.zygote.wait()
        self._control = self.zygote = None

    def _restart(self) -> None:
        with self._lock:
            self._stop()


def _environment() -> dict[str, str]:
    """Return what the decoders may know: nothing of the service's settings and secrets."""
    kept = {name: os.environ[name] for name in ("LANG", "LC_ALL", "TZ") if name in os.environ}
    packages = str(Path(scanner.__file__).parent.parent)
    # Not only for speed: a process with threads must not fork.
    bounds = ONE_EACH | {"OPENBLAS_NUM_THREADS": "1"}
    return kept | bounds | {"PYTHONPATH": os.pathsep.join([packages, *filter(None, sys.path)])}


def _messages(
    ours: socket.socket, answering: Answering | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the child said and how, by the zygote, it ended; empty what did not come."""
    said: dict[str, Any] = {}
    while (part := _next(ours)) and "ended" not in part:
        if "asks" in part and answering is not None:
            ours.send(json.dumps(answering(part["asks"])).encode())
        else:
            said = part
    return said, part


def _next(ours: socket.socket) -> dict[str, Any]:
    """Return the next message; empty when there is none any more."""
    try:
        part = json.loads(ours.recv(MESSAGE) or b"{}")
    except (ConnectionError, ValueError):
        return {}
    return part if isinstance(part, dict) else {}


def _outcome(said: dict[str, Any], ended: dict[str, Any], limits: DecodeLimits) -> dict[str, Any]:
    """Return the report of a child that decoded, or raise what is named by its end."""
    if "problem" in said:
        raise AudioError(str(said["problem"]), str(said["detail"]))
    if "failed" in said:
        _complain("decode failed", reason=said["failed"])
        raise AudioError("decode-failed", "the decoded audio could not be written", transient=True)
    if "broke" in said:
        _complain("decoder broke", trace=said["broke"])
        raise crashed()
    if not ended:
        raise AudioError("decoder-crashed", "the decoder went away: try again", transient=True)
    if isinstance(said.get("report"), dict):
        report: dict[str, Any] = said["report"]
        return report
    raise _killed(ended, limits)


def _complain(event: str, **more: str) -> None:
    import structlog  # more than a quarter of the start of the pre-warmed process, which logs nothing

    structlog.get_logger().error(event, **more)


def _killed(ended: dict[str, Any], limits: DecodeLimits) -> AudioError:
    """Name the end of a child that said nothing."""
    by = -int(ended["ended"])
    if ended["timed_out"] or by == signal.SIGALRM:
        return _timed_out(limits)
    if by == signal.SIGXCPU:
        return AudioError(
            "decode-cpu",
            Told(
                "decoding takes more than %(cpu_seconds)s s of computing: send it in "
                "parts or in a plainer format",
                cpu_seconds=limits.cpu_seconds,
            ),
        )
    if by == signal.SIGKILL:  # by an operator, or by a machine without memory
        return AudioError(
            "decoder-crashed", "the decoder was ended from outside: try again", transient=True
        )
    return crashed()


def _timed_out(limits: DecodeLimits) -> AudioError:
    return AudioError(
        "decode-timeout",
        Told(
            "decoding takes longer than %(wall_seconds)s s: send it in parts or in a "
            "plainer format",
            wall_seconds=f"{round(limits.wall_seconds, 1):g}",
        ),
    )


def crashed() -> AudioError:
    return AudioError(
        "decoder-crashed", "the decoder broke on this file: export it in another format"
    )
