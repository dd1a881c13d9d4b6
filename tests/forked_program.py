"""The program in children of one process that has imported it: a command without its imports.

Two of the three seconds of a command are imports, and tests run hundreds. What a command does, its
environment, arguments, folder, output, status and its end, is that of the installed program:
`tests/test_forked_program.py` holds them side by side.
"""

import atexit
import functools
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

MESSAGE = 1 << 20
NOT_FOR_COMMANDS = (
    "scanner.api",
    "scanner.migrations",
    "scanner.routes",
    "scanner.serve",
    "scanner.shards.server",
)
LATE = (
    "alembic.command", "av", "c2pa", "cel", "faiss", "fsspec.implementations.local", "httpx",
    "matplotlib.backends.backend_agg", "matplotlib.backends.backend_svg", "matplotlib.figure",
    "rich.progress", "rich.table", "scipy.fft", "scipy.signal",
    "sqlalchemy.dialects.sqlite", "typer.rich_utils",
)  # fmt: skip
"""What commands load beside our own modules; onnxruntime would start a thread."""


class Forked:
    """Runs commands, one at a time, each in a process of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._server = subprocess.Popen(
                [sys.executable, "-P", __file__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                # A process with threads must not fork.
                env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
            )

    def close(self) -> None:
        """End the process that commands are forked from."""
        self._control.close()
        self._server.wait(60)

    def run(
        self, command: Sequence[str | bytes | Path], env: Mapping[str, str], timeout: float
    ) -> "subprocess.CompletedProcess[str]":
        """Do what ``subprocess.run`` does with ``capture_output=True, encoding="utf-8"``.

        Raises
        ------
        subprocess.TimeoutExpired
            If the command does not end in ``timeout`` seconds; it is killed then.
        """
        request = {
            "command": [os.fsdecode(each) for each in command],
            "env": dict(env),
            "cwd": str(Path.cwd()),
        }
        with self._lock, tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            files = [output.fileno(), errors.fileno()]
            self._control.settimeout(60)
            socket.send_fds(self._control, [json.dumps(request).encode()], files)
            status = self._status(self._answer("pid"), command, timeout)
            texts = [_content(file).decode("utf-8") for file in (output, errors)]
        return subprocess.CompletedProcess(list(command), status, *texts)

    def start(
        self,
        command: Sequence[str | Path],
        env: Mapping[str, str],
        output: int | None = None,
        errors: int | None = None,
    ) -> "Started":
        """Begin a command that goes on until it is ended; what it prints goes nowhere unless told where."""
        request = {
            "command": [os.fsdecode(each) for each in command],
            "env": dict(env),
            "cwd": str(Path.cwd()),
            "goes_on": True,
            "interruptible": signal.getsignal(signal.SIGINT) is not signal.SIG_IGN,
        }
        with self._lock, Path(os.devnull).open("wb") as nowhere:
            files = [nowhere.fileno() if each is None else each for each in (output, errors)]
            self._control.settimeout(60)
            socket.send_fds(self._control, [json.dumps(request).encode()], files)
            return Started(self, self._answer("pid"))

    def status(self, pid: int) -> int:
        """Tell how a command that went on has ended."""
        with self._lock:
            self._control.settimeout(60)
            self._control.send(json.dumps({"ended": pid}).encode())
            return self._answer("status")

    def _status(self, pid: int, command: Sequence[Any], timeout: float) -> int:
        self._control.settimeout(timeout)
        try:
            return self._answer("status")
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            self._control.settimeout(60)
            self._answer("status")
            raise subprocess.TimeoutExpired(list(command), timeout) from None

    def _answer(self, name: str) -> int:
        message = self._control.recv(MESSAGE)
        assert message, "the process that commands are forked from has ended"
        return int(json.loads(message)[name])


class Started:
    """A command that was begun, as ``subprocess.Popen`` has it."""

    def __init__(self, program: Forked, pid: int) -> None:
        self.pid = pid
        self._program = program
        self._end = os.pidfd_open(pid)

    def send_signal(self, signum: int) -> None:
        signal.pidfd_send_signal(self._end, signum)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def wait(self, timeout: float = 60) -> int:
        """Return its status once it has ended."""
        ended, _, _ = select.select([self._end], [], [], timeout)
        assert ended, f"process {self.pid} did not end"
        os.close(self._end)
        return self._program.status(self.pid)


@functools.cache
def forked() -> Forked:
    """Return the one of this test run, which ends with it."""
    made = Forked()
    atexit.register(made.close)
    return made


def _content(file: Any) -> bytes:
    file.seek(0)
    content: bytes = file.read().replace(b"\r\n", b"\n")
    return content


# --- in the process that commands are forked from


def modules() -> Iterable[str]:
    """Names of what any command may load."""
    import scanner

    for module in pkgutil.walk_packages(scanner.__path__, "scanner."):
        if not module.name.startswith(NOT_FOR_COMMANDS):
            yield module.name
    yield from LATE


def prepare() -> None:
    """Do once what each command would begin with: map the tables, and make the tree of commands."""
    import sqlalchemy.orm
    import typer.main

    from scanner.cli.main import app

    sqlalchemy.orm.configure_mappers()
    typer.main.get_command = functools.cache(typer.main.get_command)
    typer.main.get_command(app)


def serve(control: socket.socket) -> None:
    """Fork for each request; returns in the children, and in the server when all is done."""
    while True:
        message, files, _, _ = socket.recv_fds(control, MESSAGE, 2)
        if not message:
            sys.exit()
        request = json.loads(message)
        pid = request.get("ended") or os.fork()
        if pid == 0:
            control.close()
            _become(request, files)
            return
        for file in files:
            os.close(file)
        if "ended" not in request:
            control.send(json.dumps({"pid": pid}).encode())
        if not request.get("goes_on"):
            _, status = os.waitpid(pid, 0)
            control.send(json.dumps({"status": os.waitstatus_to_exitcode(status)}).encode())


def _become(request: Mapping[str, Any], files: Sequence[int]) -> None:
    """Be the process of a command."""
    for file, standard in zip(files, (1, 2), strict=True):
        os.dup2(file, standard)
        os.close(file)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv = request["command"]
    if "interruptible" in request:  # or not, as what this process was started by
        heed = signal.default_int_handler if request["interruptible"] else signal.SIG_IGN
        signal.signal(signal.SIGINT, heed)


def end_as_command() -> NoReturn:
    """Run a command to its end, and end as ``multiprocessing`` does: without taking modules down.

    That would copy every page of what was imported.
    """
    try:
        importlib.import_module("scanner.cli").main()
    except SystemExit as ended:
        assert isinstance(ended.code, int)
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ended.code)


if __name__ == "__main__":
    for name in modules():
        importlib.import_module(name)
    prepare()
    assert len(list(Path("/proc/self/task").iterdir())) == 1, "a process with threads must not fork"
    gc.collect()
    gc.freeze()  # a child that collects would copy all pages of what was imported
    serve(socket.socket(fileno=int(sys.argv[1])))
    end_as_command()
