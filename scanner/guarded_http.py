"""HTTP to guarded addresses: the socket goes to the address that the guard saw, nowhere else."""

import socket
import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpcore

from scanner.url_guard import Target

CONNECT_SECONDS: Final = 10.0


class PinnedBackend(httpcore.SyncBackend):
    """Connects to the target's pinned address; the name is for TLS and the Host header only."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the pinned address, and to none but the target's host and port."""
        if (host, port) != (self._target.host, self._target.port):
            raise httpcore.ConnectError("not the guarded host")
        return super().connect_tcp(
            self._target.address, port, timeout, local_address, socket_options
        )


@contextmanager
def request(
    target: Target,
    method: str,
    *,
    headers: dict[str, str],
    content: bytes | None = None,
    deadline: float,
) -> Iterator[httpcore.Response]:
    """Send one request, following no redirect; the body is read by the caller.

    Parameters
    ----------
    deadline : float
        `time.monotonic()` by which all must be done; each socket operation waits no longer.
    """
    left = max(0.1, deadline - time.monotonic())
    timeouts = {
        "connect": min(CONNECT_SECONDS, left),
        "read": left,
        "write": left,
        "pool": left,
    }
    with (
        httpcore.ConnectionPool(
            ssl_context=ssl.create_default_context(),
            network_backend=PinnedBackend(target),
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        ) as pool,
        pool.stream(
            method,
            target.url,
            headers=list(headers.items()),
            content=content,
            extensions={"timeout": timeouts},
        ) as response,
    ):
        yield response


def chunks(response: httpcore.Response, deadline: float) -> Iterator[bytes]:
    """Yield the body as it comes; a server that only drips is cut off at the deadline.

    Raises
    ------
    httpcore.ReadTimeout
        When the deadline has passed.
    """
    for chunk in response.iter_stream():
        if time.monotonic() > deadline:
            raise httpcore.ReadTimeout("deadline")
        yield chunk


def header(response: httpcore.Response, name: str) -> str | None:
    """Return a header's value, or None."""
    wanted = name.lower().encode()
    for key, value in response.headers:
        if key.lower() == wanted:
            return value.decode("latin-1")
    return None
