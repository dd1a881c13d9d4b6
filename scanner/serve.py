"""``clearance serve``: the API in this process or in several, the workers in processes of their own."""

import socket
import sys
import threading
from collections.abc import Callable

import uvicorn

from scanner import generators
from scanner.api import create_app
from scanner.bus.worker import Supervisor, with_parent
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
    with listener:
        if settings.servers == 1:
            server = _server(settings)
            with Supervisor(settings, settings.workers):
                announce(host, port)
                server.run(sockets=[listener])
            return
        descriptor = listener.fileno()
        one = ("-m", "scanner.serve", str(descriptor))
        with (
            Supervisor(settings, settings.workers),
            Supervisor(settings, settings.servers, one, [descriptor]),
        ):
            announce(host, port)
            threading.Event().wait()  # the signal raises


def _server(settings: Settings) -> uvicorn.Server:
    app = create_app(settings)
    if settings.preview_sessions and generators.installed()["installed"]:
        app.state.service.players.make_ready()
    return uvicorn.Server(
        uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=10)
    )


def main(descriptor: int) -> None:
    """Answer as one of several processes, until SIGTERM, SIGINT or the end of the parent.

    Parameters
    ----------
    descriptor : int
        The socket that they share, which listens.
    """
    settings = Settings()
    configure(settings)
    server = _server(settings)

    def stop() -> None:
        server.should_exit = True

    threading.Thread(target=with_parent, args=(stop,), name="with-parent", daemon=True).start()
    with socket.socket(fileno=descriptor) as listener:
        server.run(sockets=[listener])


if __name__ == "__main__":
    main(int(sys.argv[1]))
