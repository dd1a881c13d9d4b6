"""A worker process: one thread for each group, one for the relay, one for the chores.

A thread that dies of an error is started again after a pause; nothing it held is lost, since an
event is only acknowledged after its handler has committed.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Final, get_args

import structlog
from pydantic import SecretStr
from pydantic_settings import NoDecode

from scanner import mail, shared_metrics, webhooks
from scanner.bus.chores import Chores
from scanner.bus.relay import Relay
from scanner.clock import new_id
from scanner.errors import TransientError
from scanner.settings import Settings
from scanner.threads import ONE_EACH

if TYPE_CHECKING:
    from scanner.bus.groups import Group
    from scanner.service import Service

RESTART_SECONDS: Final = 1.0
DRAIN_SECONDS: Final = 60.0
CHORE_SECONDS: Final = 1.0
NAME_LENGTH: Final = 24
"""Of the host, in a worker's name: with process and group it must fit its column."""
WEBHOOK_THREADS: Final = 4
"""Messages on their way at once: a receiver that hangs holds up one thread."""
ANALYSING: Final = "analyse"
WATCH_PARENT: Final = "--end-with-parent"
_SECRETS: Final = frozenset(
    name for name, field in Settings.model_fields.items() if SecretStr in get_args(field.annotation)
)

log = structlog.get_logger()


def run_worker(
    service: "Service", stages: Collection[str] | None, stopping: threading.Event
) -> None:
    """Work until told to stop, then finish what was begun and return.

    Parameters
    ----------
    stages : collection of str, optional
        Names of the groups to serve; all of them if None.
    """
    groups = [group for group in service.groups if stages is None or group.name in stages]
    if stages is not None and len(groups) != len(set(stages)):
        known = ", ".join(group.name for group in service.groups)
        raise ValueError(f"unknown stage among {', '.join(stages)}; there are: {known}")
    name = f"{socket.gethostname()[:NAME_LENGTH]}-{os.getpid()}-{new_id()[-6:]}"
    jobs: list[tuple[str, Callable[[], None]]] = [
        (group.name, _consumer(service, group, stopping, name)) for group in groups
    ]
    jobs.append(("relay", _relay(service, stopping)))
    jobs.append(("chores", _chores(service, stopping)))
    jobs.extend((f"webhooks-{n}", _webhooks(service, stopping)) for n in range(WEBHOOK_THREADS))
    jobs.append(("mail", _mail(service, stopping)))
    if any(group.name == ANALYSING for group in groups):
        jobs.append(("streams", _streams(service, stopping)))
        jobs.append(("rescans", _rescans(service, stopping)))
    jobs.extend(service.transport.side_jobs(stopping.is_set))
    threads = [
        threading.Thread(target=_kept_up, args=(job, run, stopping), name=job) for job, run in jobs
    ]
    if any(group.name == ANALYSING for group in groups):
        threads.append(threading.Thread(target=service.warm_up, args=(stopping,), name="warm-up"))
    log.info("worker_started", worker=name, stages=[group.name for group in groups])
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.info("worker_stopped", worker=name)


def _kept_up(job: str, run: Callable[[], None], stopping: threading.Event) -> None:
    while not stopping.is_set():
        try:
            run()
        except TransientError as error:
            log.warning("thread_restarts", job=job, detail=str(error))
            stopping.wait(RESTART_SECONDS)
        except Exception:
            log.exception("thread_restarts", job=job)
            stopping.wait(RESTART_SECONDS)


def _consumer(
    service: "Service", group: "Group", stopping: threading.Event, worker: str
) -> Callable[[], None]:
    return lambda: service.transport.consume(group, stopping.is_set, f"{worker}-{group.name}")


def _relay(service: "Service", stopping: threading.Event) -> Callable[[], None]:
    relay = Relay(service.database, service.transport, service.settings.home)
    poll = service.settings.poll_seconds

    def wait(seconds: float) -> None:
        stopping.wait(seconds)

    return lambda: relay.run(stopping.is_set, wait, poll)


def _chores(service: "Service", stopping: threading.Event) -> Callable[[], None]:
    chores = Chores(service)

    def run() -> None:
        while not stopping.is_set():
            chores.run_due()
            stopping.wait(CHORE_SECONDS)

    return run


def _streams(service: "Service", stopping: threading.Event) -> Callable[[], None]:
    from scanner.streams.keeper import (
        Keeper,  # NumPy, which a command that asks nothing does without
    )

    keeper = Keeper(service, stopping)

    def run() -> None:
        while not stopping.is_set():
            try:
                keeper.run_due()
            except Exception:  # who listens goes on, and nobody waits for that
                log.exception("thread_restarts", job="streams")
            stopping.wait(CHORE_SECONDS)
        keeper.close()

    return run


def _rescans(service: "Service", stopping: threading.Event) -> Callable[[], None]:
    """Look at stored tracks again: an analysis each, which no chore may wait for."""
    from scanner import rescans

    def run() -> None:
        while not stopping.is_set():
            if not rescans.work(service):
                stopping.wait(CHORE_SECONDS)

    return run


def _webhooks(service: "Service", stopping: threading.Event) -> Callable[[], None]:
    def run() -> None:
        while not stopping.is_set():
            if not webhooks.send_due(service, limit=1):
                stopping.wait(CHORE_SECONDS)

    return run


def _mail(service: "Service", stopping: threading.Event) -> Callable[[], None]:
    def run() -> None:
        while not stopping.is_set():
            if not mail.send_due(service, limit=1):
                stopping.wait(CHORE_SECONDS)

    return run


class Supervisor:
    """Keeps ``count`` processes alive, workers or others; they end with it.

    Parameters
    ----------
    settings : Settings
        Handed to the processes through the environment they inherit.
    arguments : sequence of str
        Command line of one, after the interpreter: ``-m``, the module and what it is told.
    descriptors : sequence of int
        Open files that each inherits.
    """

    def __init__(
        self,
        settings: Settings,
        count: int,
        arguments: Sequence[str] = ("-m", "scanner.bus.worker", WATCH_PARENT),
        descriptors: Sequence[int] = (),
    ) -> None:
        self._settings = settings
        self._count = count
        self._arguments = arguments
        self._what = arguments[1]
        self._descriptors = descriptors
        self._children: list[subprocess.Popen[bytes]] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def __enter__(self) -> "Supervisor":
        self._children = [self._spawn() for _ in range(self._count)]
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        for child in self._children:
            child.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + DRAIN_SECONDS
        for child in self._children:
            try:
                child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.error("process_killed", what=self._what, pid=child.pid)
                child.kill()
                child.wait()
            _close(child)

    def pids(self) -> list[int]:
        """Return the process ids."""
        return [child.pid for child in self._children]

    def _spawn(self) -> "subprocess.Popen[bytes]":
        # It reads its standard input: the end of file tells it that its parent is gone.
        return subprocess.Popen(
            [sys.executable, *self._arguments],
            stdin=subprocess.PIPE,
            env=ONE_EACH | os.environ | environment(self._settings),
            pass_fds=self._descriptors,
        )

    def _watch(self) -> None:
        while not self._stopping.wait(RESTART_SECONDS):
            for n, child in enumerate(self._children):
                if child.poll() is not None:
                    log.error(
                        "process_died", what=self._what, pid=child.pid, status=child.returncode
                    )
                    shared_metrics.forget(child.pid)
                    try:
                        self._children[n] = self._spawn()
                    except OSError as error:  # no memory or no process to be had: later perhaps
                        log.error("process_not_restarted", what=self._what, detail=str(error))
                    else:
                        _close(child)


def _close(child: "subprocess.Popen[bytes]") -> None:
    if child.stdin is not None:
        child.stdin.close()


def environment(settings: Settings) -> dict[str, str]:
    """Return the settings as the environment variables that a child process reads."""
    dumped = settings.model_dump(mode="json", exclude_none=True, exclude=set(_SECRETS))
    variables: dict[str, str] = {}
    for name, value in dumped.items():
        variables[f"CLEARANCE_{name.upper()}"] = _as_variable(name, value)
    for name in _SECRETS:
        secret: SecretStr | None = getattr(settings, name)
        if secret is not None:  # dumped, it would be a row of asterisks
            variables[f"CLEARANCE_{name.upper()}"] = secret.get_secret_value()
    return variables


def _as_variable(name: str, value: object) -> str:
    """Return a dumped setting as its variable is read: JSON where it holds several, but some with commas."""
    if isinstance(value, list) and NoDecode in Settings.model_fields[name].metadata:
        return ",".join(value)
    return json.dumps(value) if isinstance(value, list | dict) else str(value)


def main(stages: Collection[str] | None = None, *, watch_parent: bool = False) -> int:
    """Run one worker process until SIGTERM, SIGINT or, if it is watched, the end of its parent.

    One that is watched gives way to its parent, who answers requests, and answers no ``/metrics``:
    its parent tells what they count together.
    """
    from scanner.logs import configure
    from scanner.service import Service

    settings = Settings()
    configure(settings)
    stopping = threading.Event()
    caught: list[int] = []

    def stop(signum: int, _frame: object) -> None:
        caught.append(signum)
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if watch_parent:
        os.nice(settings.worker_niceness)
        threading.Thread(target=with_parent, args=(stopping.set,), daemon=True).start()
    alone = None if watch_parent else settings.worker_metrics
    with Service(settings) as service, shared_metrics.told_alone(alone):
        service.database.check()
        run_worker(service, stages, stopping)
    return 128 + caught[0] if caught else 0


def with_parent(stop: Callable[[], None]) -> None:
    """Wait until the parent that supervises this process is gone, then stop."""
    # Not through sys.stdin: its lock, held by this thread, would abort the interpreter's end.
    while os.read(sys.stdin.fileno(), 4096):
        pass
    stop()


if __name__ == "__main__":
    sys.exit(main(watch_parent=WATCH_PARENT in sys.argv[1:]))
