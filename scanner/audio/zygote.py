"""The process from which decoders are forked: imports done once, no threads, no secrets.

It gets one message for each decode over a Unix socket, with three descriptors: the input, the
output and the socket for the answer. It forks; the child puts itself under its limits, decodes and
answers; the zygote adds how the child ended.
"""

import contextlib
import json
import os
import resource
import select
import signal
import socket
import sys
from typing import Any, Final

from scanner.audio.decoded import MESSAGE

_KEPT_ENVIRONMENT: Final = frozenset({"PATH", "LANG", "LC_ALL", "TZ", "HOME", "TMPDIR"})


def serve(control: socket.socket) -> None:
    """Fork a decoder for each request until the other side closes."""
    answers: dict[int, socket.socket] = {}
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    os.set_blocking(wake_read, False)
    signal.set_wakeup_fd(wake_write)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        waiting: list[int] = [control.fileno(), wake_read]
        readable, _, _ = select.select(waiting, [], [])
        if wake_read in readable:
            with contextlib.suppress(BlockingIOError):
                os.read(wake_read, 4096)
            _reap(answers)
        if control.fileno() in readable:
            message, descriptors, _, _ = socket.recv_fds(control, MESSAGE, 3)
            if not message:
                return
            source, output, answer_fd = descriptors
            answer = socket.socket(fileno=answer_fd)
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                control.close()
                _child(json.loads(message), source, output, answer)
            os.close(source)
            os.close(output)
            answers[pid] = answer


def _reap(answers: dict[int, socket.socket]) -> None:
    while answers:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        answer = answers.pop(pid)
        with contextlib.suppress(OSError), answer:
            answer.send(json.dumps({"ended": os.waitstatus_to_exitcode(status)}).encode())


def _child(request: dict[str, Any], source: int, output: int, answer: socket.socket) -> None:
    """Decode under limits; never returns."""
    status = 1
    try:
        from scanner.audio.decoded import DecodeLimits
        from scanner.audio.decoding import decode
        from scanner.audio.errors import AudioError

        limits = DecodeLimits(**request)
        _confine(limits)
        report: dict[str, Any]
        try:
            with os.fdopen(source, "rb", buffering=1 << 16) as file:
                report = {"report": decode(file, output, limits)}
        except AudioError as error:
            report = {"problem": error.problem, "detail": error.detail}
        except MemoryError:
            report = {"problem": "decode-memory", "detail": _memory_detail(limits.memory_bytes)}
        except OSError as error:
            report = {"failed": type(error).__name__}
        answer.send(json.dumps(report).encode("utf-8", "replace")[:MESSAGE])
        status = 0
    finally:
        os._exit(status)


def _memory_detail(limit: int) -> str:
    return f"decoding needs more than {limit >> 20} MiB: export it in a plain format"


def _confine(limits: Any) -> None:
    """Put this process under its limits; the kernel ends it when it breaks them."""
    os.setsid()
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, limits.wall_seconds)
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))


def main() -> None:
    """Serve on the socket that is standard input's descriptor."""
    for name in set(os.environ) - _KEPT_ENVIRONMENT:
        del os.environ[name]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is the parent's matter
    import av

    import scanner.audio.decoding  # noqa: F401  (imported before the forks, once)

    av.logging.set_level(None)
    serve(socket.socket(fileno=sys.stdin.fileno()))


if __name__ == "__main__":
    main()
