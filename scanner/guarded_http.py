"""HTTP to guarded addresses: the socket goes to the address that the guard saw, nowhere else."""

import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpcore

from scanner.url_guard import Target

CONNECT_SECONDS: Final = 10.0
_PIECE: Final = 1 << 14

Deadline = Callable[[], float]
"""Tells by which `time.monotonic()` all must be done; it may move while one reads."""


class DeadlineStream(httpcore.NetworkStream):
    """A connection on which no operation outlasts the deadline.

    A timeout for each operation alone lets a server hold the client for hours, by a byte of a
    header now and then.
    """

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what is there, waiting no longer than to the deadline."""
        left = self._left(httpcore.ReadTimeout)
        return self._stream.read(max_bytes, left if timeout is None else min(left, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write in small pieces, each waiting no longer than to the deadline."""
        for start in range(0, len(buffer), _PIECE):
            piece = buffer[start : start + _PIECE]
            self._stream.write(piece, self._left(httpcore.WriteTimeout))

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """Shake hands; the stream that comes of it has the same deadline."""
        left = self._left(httpcore.ConnectTimeout)
        return DeadlineStream(
            self._stream.start_tls(ssl_context, server_hostname, left), self._deadline
        )

    def get_extra_info(self, info: str) -> Any:
        """Return what the connection knows of itself."""
        return self._stream.get_extra_info(info)

    def _left(self, late: type[httpcore.TimeoutException]) -> float:
        left = self._deadline() - time.monotonic()
        if left <= 0:
            raise late("deadline")
        return left


class PinnedBackend(httpcore.SyncBackend):
    """Connects to the target's pinned address; the name is for TLS and the Host header only."""

    def __init__(self, target: Target, deadline: Deadline) -> None:
        self._target = target
        self._deadline = deadline

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
        left = min(CONNECT_SECONDS, self._deadline() - time.monotonic())
        if left <= 0:
            raise httpcore.ConnectTimeout("deadline")
        stream = super().connect_tcp(
            self._target.address, port, left, local_address, socket_options
        )
        return DeadlineStream(stream, self._deadline)


@contextmanager
def request(
    target: Target,
    method: str,
    *,
    headers: dict[str, str],
    content: bytes | None = None,
    deadline: float | Deadline,
    stall: float | None = None,
) -> Iterator[httpcore.Response]:
    """Send one request, following no redirect; the body is read by the caller.

    Parameters
    ----------
    deadline : float, or a function that returns it
        `time.monotonic()` by which all must be done, the reading of the body included.
    stall : float, optional
        Seconds that one read may wait, where that is less.
    """
    by = deadline if callable(deadline) else lambda: deadline
    with (
        httpcore.ConnectionPool(
            # Loading the system's certificates takes longer than a plain request.
            ssl_context=ssl.create_default_context() if target.scheme == "https" else None,
            network_backend=PinnedBackend(target, by),
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        ) as pool,
        pool.stream(
            method,
            target.url,
            headers=list(headers.items()),
            content=content,
            extensions={"timeout": {"read": stall}},
        ) as response,
    ):
        yield response


def header(response: httpcore.Response, name: str) -> str | None:
    """Return a header's value, several joined by commas (RFC 9110, section 5.2), or None."""
    wanted = name.lower().encode()
    values = [value.decode("latin-1") for key, value in response.headers if key.lower() == wanted]
    return ", ".join(values) if values else None
