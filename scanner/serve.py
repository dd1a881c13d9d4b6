"""``clearance serve``: the API in this process, the workers in processes of their own."""

import socket
from collections.abc import Callable

import uvicorn

from scanner import generators
from scanner.api import create_app
from scanner.bus.worker import Supervisor
from scanner.logs import configure
from scanner.settings import Settings


def serve(settings: Settings, announce: Callable[[str, int], None]) -> None:
    """Serve until a signal, which uvicorn passes on once it has finished its requests.

    The host and port are announced once the socket listens. The workers finish what they have in hand.
    """
    configure(settings)
    listener = socket.create_server((settings.host, settings.port), backlog=2048)
    host, port = listener.getsockname()[:2]
    settings = settings.model_copy(update={"host": host, "port": port})
    app = create_app(settings)
    if settings.preview_sessions and generators.installed()["installed"]:
        app.state.service.players.make_ready()
    config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=10)
    with listener, Supervisor(settings, settings.workers):
        announce(host, port)
        uvicorn.Server(config).run(sockets=[listener])
