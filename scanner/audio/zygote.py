"""The process from which decoders are forked: imports done once, one thread, no secrets.

It gets one message for each piece of work over a Unix socket, with the socket for the answer and
descriptors of the files that the work reads and writes. It forks; the child puts itself under its
limits, works and answers; the zygote ends a child that is too slow and says of each how it ended.
"""

import contextlib
import ctypes
import gc
import importlib
import json
import os
import pkgutil
import resource
import select
import signal
import socket
import sys
import tempfile
import time
import traceback
import wave
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from scanner.audio.decoded import MESSAGE, MOST_DESCRIPTORS, DecodeLimits
from scanner.wording import Told

_PR_SET_PDEATHSIG: Final = 1
_WALL_GRACE_SECONDS: Final = 1.0


@dataclass
class _Running:
    answer: socket.socket
    deadline: float
    timed_out: bool = False


class Zygote:
    """Forks a decoder for each request until the other side closes its end.

    Parameters
    ----------
    control : Unix socket of packets
        Where requests come from.
    """

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._running: dict[int, _Running] = {}
        self._woken, self._wake = os.pipe()
        for end in (self._woken, self._wake):
            os.set_blocking(end, False)

    def serve(self) -> None:
        """Answer requests; children that are left at the end are ended by the kernel."""
        signal.set_wakeup_fd(self._wake)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        while True:
            readable, _, _ = select.select(
                [self._control.fileno(), self._woken], [], [], self._seconds_to_deadline()
            )
            if self._woken in readable:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._woken, 4096)
            self._reap()
            self._end_slow()
            if self._control.fileno() in readable and not self._take():
                return

    def _take(self) -> bool:
        """Fork for one request; return whether there may be more."""
        message, descriptors, _, _ = socket.recv_fds(self._control, MESSAGE, MOST_DESCRIPTORS)
        if not message:
            return False
        try:
            request = json.loads(message)
            # Else too many were open: the closed socket tells.
            if len(descriptors) == request["descriptors"]:
                self._fork(request, descriptors[0], descriptors[1:])
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        return True

    def _fork(self, request: dict[str, Any], answer_fd: int, descriptors: list[int]) -> None:
        answer = socket.socket(fileno=os.dup(answer_fd))
        limits = DecodeLimits(**request["limits"])
        try:
            pid = os.fork()
        except OSError:
            answer.send(json.dumps({"failed": "no process could be started"}).encode())
            answer.close()
            return
        if pid == 0:
            status = 1
            try:
                self._leave()
                _confine(limits)
                report = _report(_WORK[request["work"]], descriptors, limits, answer)
                answer.send(json.dumps(report).encode())
                status = 0
            finally:
                os._exit(status)
        deadline = time.monotonic() + limits.wall_seconds + _WALL_GRACE_SECONDS
        self._running[pid] = _Running(answer, deadline)

    def _leave(self) -> None:
        """Close, in a child, what is the zygote's."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._control.close()
        os.close(self._woken)
        os.close(self._wake)
        for other in self._running.values():
            other.answer.close()
        silent = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(silent, standard)
        os.close(silent)

    def _reap(self) -> None:
        for pid, status in _ended():
            running = self._running.pop(pid)
            ended = {
                "ended": os.waitstatus_to_exitcode(status),
                "timed_out": running.timed_out,
            }
            with contextlib.suppress(OSError), running.answer as answer:
                answer.send(json.dumps(ended).encode())

    def _seconds_to_deadline(self) -> float | None:
        waiting = [each.deadline for each in self._running.values() if not each.timed_out]
        return max(0.0, min(waiting) - time.monotonic()) if waiting else None

    def _end_slow(self) -> None:
        """End children whose own alarm did not, because they were stopped or blocked it."""
        now = time.monotonic()
        for pid, running in self._running.items():
            if running.deadline <= now and not running.timed_out:
                running.timed_out = True
                os.kill(pid, signal.SIGKILL)


def _ended() -> Iterator[tuple[int, int]]:
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            yield pid, status


def _report(
    work: "Work", descriptors: list[int], limits: DecodeLimits, answer: socket.socket | None
) -> dict[str, Any]:
    """Do the work and say how it went."""
    from scanner.audio.errors import AudioError

    try:
        return {"report": work(descriptors, limits, answer)}
    except AudioError as error:
        return {"problem": error.problem, "detail": error.detail}
    except MemoryError:
        return {
            "problem": "decode-memory",
            "detail": Told(
                "decoding needs more than %(memory_bytes)s MiB: export it as plain WAV "
                "or FLAC, without pictures",
                memory_bytes=limits.memory_bytes >> 20,
            ),
        }
    except OSError as error:  # the disk is full, the input can't be read
        return {"failed": error.strerror or type(error).__name__}
    except Exception:  # noqa: BLE001 - the service logs it and names the problem
        return {"broke": traceback.format_exc()[-4000:]}


def _decode(
    descriptors: list[int], limits: DecodeLimits, _answer: socket.socket | None
) -> dict[str, Any]:
    from scanner.audio.decoding import decode

    source, output = descriptors
    with os.fdopen(source, "rb", buffering=1 << 16) as file:
        return decode(file, output, limits)


def _listen(
    descriptors: list[int], _limits: DecodeLimits, _answer: socket.socket | None
) -> dict[str, Any]:
    from scanner.audio.live import listen

    return listen(*descriptors)


def _read_manifest(
    descriptors: list[int], _limits: DecodeLimits, _answer: socket.socket | None
) -> dict[str, Any]:
    from scanner.audio.manifest_work import read

    return read(*descriptors)


def _sign_manifest(
    descriptors: list[int], _limits: DecodeLimits, answer: socket.socket | None
) -> dict[str, Any]:
    from scanner.audio.manifest_work import sign

    if answer is None:
        raise ValueError("nobody would sign")
    return sign(answer, *descriptors)


Work = Callable[[list[int], DecodeLimits, socket.socket | None], dict[str, Any]]
_WORK: Final[Mapping[str, Work]] = {
    "decode": _decode,
    "listen": _listen,
    "read_manifest": _read_manifest,
    "sign_manifest": _sign_manifest,
}


def _confine(limits: DecodeLimits) -> None:
    """Put this process under its limits; the kernel ends it when it breaks them.

    No descriptor can be opened from here on: no file, no socket, whatever FFmpeg is talked into.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, limits.wall_seconds)
    memory = _address_space() + limits.memory_bytes
    for limit, soft, hard in (
        (resource.RLIMIT_AS, memory, memory),
        (resource.RLIMIT_CPU, limits.cpu_seconds, limits.cpu_seconds + 1),
        (resource.RLIMIT_FSIZE, limits.output_bytes, limits.output_bytes),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_NPROC, 0, 0),
        (resource.RLIMIT_NOFILE, 0, 0),
    ):
        resource.setrlimit(limit, (soft, hard))


def _address_space() -> int:
    """Return what this process has mapped, in bytes; 0 where the system does not say."""
    try:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - a path object costs more
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


def _warm_up() -> None:
    """Import and use everything once: a confined child can open no module's file."""
    import av

    import scanner.audio.live  # noqa: F401 - what a child needs
    from scanner.audio.manifest_work import warm_up as warm_up_manifests

    av.logging.set_level(None)
    for module in pkgutil.walk_packages(av.__path__, "av."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as output:
        with wave.open(source, "wb") as silence:
            silence.setnchannels(1)
            silence.setsampwidth(2)
            silence.setframerate(8000)
            silence.writeframes(bytes(16000))
        source.seek(0)
        warm = [os.dup(source.fileno()), output.fileno()]
        report = _report(_decode, warm, DecodeLimits(), None)
        if "report" not in report:
            raise RuntimeError(f"the decoder can't decode silence: {report}")
        source.seek(0)
        warm_up_manifests(source)


def main() -> None:
    """Serve on the socket that is standard input's descriptor."""
    # The service drains on these and closes the socket when it is done.
    for wanted_by_service in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(wanted_by_service, signal.SIG_IGN)
    control = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    _warm_up()
    gc.collect()
    gc.freeze()  # a child that collects would copy all pages of what was imported
    Zygote(control).serve()


if __name__ == "__main__":
    main()
