"""The service's side of decoding: asks the zygote for a limited child and maps what it wrote."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np

from scanner.audio.decoded import MESSAGE, AudioWarning, Decoded, DecodeLimits
from scanner.audio.errors import AudioError, EmptyFileError

GRACE_SECONDS: Final = 10.0


class Decoder:
    """Decodes files in child processes that are forked from a pre-warmed one.

    Safe to use from many threads; each decode is a process of its own.
    """

    def __init__(self, limits: DecodeLimits | None = None) -> None:
        self._limits = limits or DecodeLimits()
        self._lock = threading.Lock()
        self._zygote: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def __enter__(self) -> "Decoder":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the pre-warmed process."""
        with self._lock:
            self._stop()

    def decode(self, path: Path) -> Decoded:
        """Decode a file.

        Raises
        ------
        AudioError
            If it can't be decoded, or not within the limits.
        """
        try:
            source = path.open("rb")
        except OSError as error:
            raise AudioError(
                "file-unreadable", "the file can't be opened", transient=True
            ) from error
        with source, tempfile.TemporaryFile(prefix="clearance-") as output:
            if os.fstat(source.fileno()).st_size == 0:
                raise EmptyFileError
            report = self._ask(source.fileno(), output.fileno())
            samples = np.memmap(
                output,
                dtype=np.float32,
                mode="r",
                shape=(report["samples"], report["channels"]),
            ).T  # (channels, n)
        return Decoded(
            samples=samples,
            sample_rate=report["sample_rate"],
            duration=report["samples"] / report["sample_rate"],
            container=report["container"],
            codec=report["codec"],
            channels=report["channels"],
            bit_rate=report["bit_rate"],
            tags=report["tags"],
            warnings=tuple(AudioWarning(**warning) for warning in report["warnings"]),
        )

    def _ask(self, source: int, output: int) -> dict[str, Any]:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours:
            with theirs:
                self._request([source, output, theirs.fileno()])
            ours.settimeout(self._limits.wall_seconds + GRACE_SECONDS)
            try:
                return self._answer(ours)
            except TimeoutError:
                self._restart()
                raise self._timed_out() from None

    def _answer(self, ours: socket.socket) -> dict[str, Any]:
        """Read the child's report, then how it ended; a child that was killed sends only that."""
        said: dict[str, Any] | None = None
        while message := ours.recv(MESSAGE):
            part = json.loads(message)
            if "ended" not in part:
                said = part
                continue
            if said is None:
                raise self._killed(part["ended"])
            break
        if said is None:
            raise AudioError("decoder-crashed", "the decoder's process went away", transient=True)
        if "problem" in said:
            raise AudioError(said["problem"], said["detail"])
        if "failed" in said:
            raise AudioError(
                "decode-failed", "the decoded audio could not be written", transient=True
            )
        report: dict[str, Any] = said["report"]
        return report

    def _killed(self, status: int) -> AudioError:
        if -status == signal.SIGALRM:
            return self._timed_out()
        if -status in {signal.SIGXCPU, signal.SIGKILL}:
            return AudioError(
                "decode-cpu",
                f"decoding takes more than {self._limits.cpu_seconds} s of computing: export it "
                "in a plain format",
            )
        return AudioError(
            "decoder-crashed", "the decoder broke on this file: export it in another format"
        )

    def _timed_out(self) -> AudioError:
        return AudioError(
            "decode-timeout", f"decoding takes longer than {self._limits.wall_seconds:.0f} s"
        )

    def _request(self, descriptors: list[int]) -> None:
        request = json.dumps(asdict(self._limits)).encode()
        with self._lock:
            for fresh in (False, True):
                if self._control is None or fresh:
                    self._stop()
                    self._control = self._start()
                try:
                    socket.send_fds(self._control, [request], descriptors)
                    return
                except OSError:
                    if fresh:
                        raise AudioError(
                            "decoder-crashed", "the decoder can't be started", transient=True
                        ) from None

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._zygote = subprocess.Popen(
                [sys.executable, "-m", "scanner.audio.zygote"],
                stdin=theirs.fileno(),
                close_fds=True,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
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
