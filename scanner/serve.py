"""``clearance serve``: the API in this process or in several, the workers in processes of their own."""

import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import structlog
import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from scanner import generators, shared_metrics
from scanner.api import create_app
from scanner.bus.worker import Supervisor, environment
from scanner.logs import configure
from scanner.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

END_SECONDS: Final = 10
"""How long requests that are running may go on after a signal."""

ANSWER_SECONDS: Final = 30
"""Within which one of several processes tells that it lives, or another takes its place."""

log = structlog.get_logger()


def serve(settings: Settings, announce: Callable[[str, int], None]) -> None:
    """Serve until a signal, which is passed on once the requests are finished.

    The host and port are announced once the socket listens. The workers finish what they have in hand.
    """
    configure(settings)
    listener = socket.create_server((settings.host, settings.port), backlog=2048)
    host, port = listener.getsockname()[:2]
    settings = settings.model_copy(update={"host": host, "port": port})
    run = _one if settings.servers == 1 else _several
    with listener:
        run(settings, listener, lambda: announce(host, port))


def _one(settings: Settings, listener: socket.socket, announce: Callable[[], None]) -> None:
    app = _application(settings)
    config = uvicorn.Config(
        app, log_config=None, access_log=False, timeout_graceful_shutdown=END_SECONDS
    )
    with Supervisor(settings, settings.workers):
        announce()
        uvicorn.Server(config).run(sockets=[listener])


def _several(settings: Settings, listener: socket.socket, announce: Callable[[], None]) -> None:
    os.environ.update(environment(settings))  # which the processes that answer inherit
    config = uvicorn.Config(
        "scanner.serve:application",
        factory=True,
        workers=settings.servers,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=END_SECONDS,
        timeout_worker_healthcheck=ANSWER_SECONDS,
    )
    with Supervisor(settings, settings.workers):
        announce()
        _Servers(config, [listener]).run()


class _Servers(Multiprocess):
    """Processes that take requests from one socket; one that ends is replaced."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket]) -> None:
        self._before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
        self._ended_by: signal.Signals | None = None
        super().__init__(config, sockets)

    def run(self) -> None:
        """Run until SIGTERM or SIGINT, which is passed on to who handled it before, once all have ended."""
        super().run()
        for each, handler in self._before.items():
            signal.signal(each, handler)
        if self._ended_by is not None:
            signal.raise_signal(self._ended_by)
        elif any(each.exitcode == STARTUP_FAILURE for each in self.processes):
            raise SystemExit(STARTUP_FAILURE)

    def handle_int(self) -> None:
        """Note by what it ends."""
        self._ended_by = signal.SIGINT
        super().handle_int()

    def handle_term(self) -> None:
        """Note by what it ends."""
        self._ended_by = signal.SIGTERM
        super().handle_term()

    def keep_subprocess_alive(self) -> None:
        """Replace those that ended, and forget what they said of now."""
        before = {each.pid for each in self.processes}
        super().keep_subprocess_alive()
        for pid in before - {each.pid for each in self.processes}:
            log.error("server_died", pid=pid)
            if pid is not None:
                shared_metrics.forget(pid)


def application() -> "FastAPI":
    """Return the application of one of several processes, whose settings its environment has."""
    settings = Settings()
    configure(settings)
    threading.Thread(target=_end_with_parent, name="end-with-parent", daemon=True).start()
    return _application(settings)


def _application(settings: Settings) -> "FastAPI":
    app = create_app(settings)
    if settings.preview_sessions and generators.installed()["installed"]:
        app.state.service.players.make_ready()
    return app


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
