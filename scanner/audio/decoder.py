"""The service's side of decoding: asks the zygote for a limited child and maps what it wrote."""

import json
import math
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import structlog

import scanner
from scanner.audio.decoded import MESSAGE, AudioWarning, Decoded, DecodeLimits
from scanner.audio.errors import AudioError, EmptyFileError

_GRACE_SECONDS: Final = 10.0
"""What a decode may take beyond its wall time, for the first start and a slow machine."""

_log = structlog.get_logger()

_LEAST_SECONDS: Final = 0.001
"""A timer of 0 would never ring."""


class Decoder:
    """Decodes files in child processes that are forked from a pre-warmed one.

    Safe to use from many threads; each decode is a process of its own, so the caller bounds how
    many run at once. The pre-warmed process starts with the first decode and again if it dies.

    Parameters
    ----------
    limits : DecodeLimits, optional
    folder : Path, optional
        Where decoded samples lie while they are used, made when needed; default: the system's.
    """

    def __init__(self, limits: DecodeLimits | None = None, folder: Path | None = None) -> None:
        self._limits = limits or DecodeLimits()
        self._folder = folder
        self._lock = threading.Lock()
        self._zygote: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._closed = False

    def __enter__(self) -> "Decoder":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the pre-warmed process and with it the decodes that still run."""
        with self._lock:
            self._closed = True
            self._stop()

    def decode(self, path: Path, wall_seconds: float = math.inf) -> Decoded:
        """Decode a file.

        Parameters
        ----------
        wall_seconds : float, optional
            What is left to the caller, where that is less than the limit.

        Raises
        ------
        AudioError
            If it can't be decoded, or not within the limits; ``transient`` if that is not the
            file's fault.
        """
        try:
            source = path.open("rb")
        except OSError as error:
            raise AudioError(
                "file-unreadable", "the file can't be opened", transient=True
            ) from error
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
        least = min(self._limits.wall_seconds, max(wall_seconds, _LEAST_SECONDS))
        limits = replace(self._limits, wall_seconds=least)
        with source, tempfile.TemporaryFile(prefix="clearance-", dir=self._folder) as output:
            if os.fstat(source.fileno()).st_size == 0:
                raise EmptyFileError
            report = self._ask(source.fileno(), output.fileno(), limits)
            try:
                return _decoded(report, output)
            except (KeyError, TypeError, ValueError) as error:
                raise _crashed() from error

    def _ask(self, source: int, output: int, limits: DecodeLimits) -> dict[str, Any]:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours:
            with theirs:
                self._request([source, output, theirs.fileno()], limits)
            ours.settimeout(limits.wall_seconds + _GRACE_SECONDS)
            try:
                said, ended = _messages(ours)
            except TimeoutError:
                self._restart()
                raise _timed_out(limits) from None
        return _outcome(said, ended, limits)

    def _request(self, descriptors: list[int], limits: DecodeLimits) -> None:
        """Hand descriptors to the pre-warmed process, starting it when it is not there."""
        request = json.dumps(asdict(limits)).encode()
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
            self._zygote = subprocess.Popen(
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
        if self._zygote is not None:
            self._zygote.kill()
            self._zygote.wait()
        self._control = self._zygote = None

    def _restart(self) -> None:
        with self._lock:
            self._stop()


def _environment() -> dict[str, str]:
    """Return what the decoders may know: nothing of the service's settings and secrets."""
    kept = {name: os.environ[name] for name in ("LANG", "LC_ALL", "TZ") if name in os.environ}
    packages = str(Path(scanner.__file__).parent.parent)
    return kept | {
        "PYTHONPATH": os.pathsep.join([packages, *filter(None, sys.path)]),
        "OPENBLAS_NUM_THREADS": "1",  # a process with threads must not fork
        "OMP_NUM_THREADS": "1",
    }


def _messages(ours: socket.socket) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the child said and how, by the zygote, it ended; empty what did not come."""
    said: dict[str, Any] = {}
    try:
        while message := ours.recv(MESSAGE):
            part = json.loads(message)
            if "ended" in part:
                return said, part
            said = part
    except (ConnectionError, ValueError):
        pass
    return said, {}


def _outcome(said: dict[str, Any], ended: dict[str, Any], limits: DecodeLimits) -> dict[str, Any]:
    """Return the report of a child that decoded, or raise what is named by its end."""
    if "problem" in said:
        raise AudioError(str(said["problem"]), str(said["detail"]))
    if "failed" in said:
        _log.error("decode failed", reason=said["failed"])
        raise AudioError("decode-failed", "the decoded audio could not be written", transient=True)
    if "broke" in said:
        _log.error("decoder broke", trace=said["broke"])
        raise _crashed()
    if not ended:
        raise AudioError("decoder-crashed", "the decoder went away: try again", transient=True)
    if isinstance(said.get("report"), dict):
        report: dict[str, Any] = said["report"]
        return report
    raise _killed(ended, limits)


def _killed(ended: dict[str, Any], limits: DecodeLimits) -> AudioError:
    """Name the end of a child that said nothing."""
    by = -int(ended["ended"])
    if ended["timed_out"] or by == signal.SIGALRM:
        return _timed_out(limits)
    if by == signal.SIGXCPU:
        return AudioError(
            "decode-cpu",
            f"decoding takes more than {limits.cpu_seconds} s of computing: send it in "
            "parts or in a plainer format",
        )
    if by == signal.SIGKILL:  # by an operator, or by a machine without memory
        return AudioError(
            "decoder-crashed", "the decoder was ended from outside: try again", transient=True
        )
    return _crashed()


def _timed_out(limits: DecodeLimits) -> AudioError:
    return AudioError(
        "decode-timeout",
        f"decoding takes longer than {round(limits.wall_seconds, 1):g} s: send it in parts or in "
        "a plainer format",
    )


def _decoded(report: dict[str, Any], output: Any) -> Decoded:
    """Map the samples; what the report says of them is held against the file."""
    channels, count, rate = (int(report[name]) for name in ("channels", "samples", "sample_rate"))
    if os.fstat(output.fileno()).st_size != 4 * channels * count or not count or rate < 1:
        raise ValueError("the report and the samples differ")
    samples = np.memmap(output, dtype=np.float32, mode="r", shape=(count, channels)).T
    return Decoded(
        samples=samples,  # (channels, n)
        sample_rate=rate,
        duration=count / rate,
        container=str(report["container"]),
        codec=str(report["codec"]),
        channels=channels,
        bit_rate=report["bit_rate"],
        tags=dict(report["tags"]),
        warnings=tuple(AudioWarning(**warning) for warning in report["warnings"]),
    )


def _crashed() -> AudioError:
    return AudioError(
        "decoder-crashed", "the decoder broke on this file: export it in another format"
    )
