"""What another program answers: run without a shell, within a time and a number of bytes."""

import errno
import os
import selectors
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic
from typing import Final

from watermark.errors import EngineFailedError, EngineMissingError, EngineTimeoutError

_CHUNK: Final = 1 << 16
_LAST_WORDS: Final = 1 << 14
"""Bytes kept of what a program says of its errors."""
_NO_PROGRAM: Final = frozenset(
    {errno.ENOENT, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.ENOEXEC, errno.ELOOP}
)


def answer(
    command: Sequence[str], stream: bytes, *, timeout_seconds: float, most_bytes: int
) -> bytes:
    """Return what a program writes to its standard output.

    It runs in a session of its own, so that what it started ends with it when it takes too long.

    Parameters
    ----------
    command : sequence of str
        Name or path of the program, then its arguments.
    stream : bytes
        For its standard input.
    most_bytes : int
        What it may write.

    Raises
    ------
    EngineMissingError, EngineTimeoutError
    EngineFailedError
        If it ends with an error, or writes more than it may.
    """
    told = " ".join(command[:2])
    with _started(command) as process:
        try:
            output, errors = _exchange(process, stream, monotonic() + timeout_seconds, most_bytes)
        except subprocess.TimeoutExpired as error:
            raise EngineTimeoutError(f"{told} took more than {timeout_seconds:g} s") from error
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
    if len(output) > most_bytes:
        raise EngineFailedError(f"{told} wrote more than {most_bytes} bytes")
    if process.returncode:
        last = errors.decode(errors="replace").strip().rpartition("\n")[2]
        raise EngineFailedError(f"{told} ended with {process.returncode}: {last or 'no word'}")
    return bytes(output)


def _started(command: Sequence[str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            start_new_session=True,
        )
    except OSError as error:
        if error.errno not in _NO_PROGRAM:
            raise EngineFailedError(f"{command[0]} can't be started: {error}") from error
        raise EngineMissingError(
            f"{command[0]} is not installed or no program: install audiowmark, "
            "or use the builtin engine"
        ) from error


def _exchange(
    process: subprocess.Popen[bytes], stream: bytes, deadline: float, most_bytes: int
) -> tuple[bytearray, bytearray]:
    """Feed a program until it ends or has written more than ``most_bytes``: output, last words."""
    assert process.stdin and process.stdout and process.stderr
    output, errors, rest = bytearray(), bytearray(), memoryview(stream)
    os.set_blocking(process.stdin.fileno(), False)
    with selectors.DefaultSelector() as pipes:
        pipes.register(process.stdin, selectors.EVENT_WRITE)
        pipes.register(process.stdout, selectors.EVENT_READ, output)
        pipes.register(process.stderr, selectors.EVENT_READ, errors)
        while pipes.get_map():
            for ready, _ in pipes.select(_left(process, deadline)):
                if ready.fileobj is process.stdin:
                    rest = rest[_written(ready.fd, rest) :]
                    is_over = not rest
                else:
                    chunk = os.read(ready.fd, _CHUNK)
                    ready.data.extend(chunk)
                    is_over = not chunk
                if is_over:
                    pipes.unregister(ready.fileobj)
                    ready.fileobj.close()  # type: ignore[union-attr]
            del errors[:-_LAST_WORDS]
            if len(output) > most_bytes:
                return output, errors
    process.wait(_left(process, deadline))
    return output, errors


def _left(process: subprocess.Popen[bytes], deadline: float) -> float:
    """Seconds until a deadline."""
    left = deadline - monotonic()
    if left <= 0:
        raise subprocess.TimeoutExpired(process.args, 0)
    return left


def _written(pipe: int, rest: memoryview) -> int:
    """How many bytes a pipe took; all of them if nobody reads it any more."""
    try:
        return os.write(pipe, rest[:_CHUNK])
    except BlockingIOError:
        return 0
    except BrokenPipeError:
        return len(rest)
