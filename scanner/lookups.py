"""Names looked up by the system's resolver, which may hang: for a bounded time, few at once, and few for one owner."""

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Final

LOOKUP_SECONDS: Final = 10.0
"""How long a name's look-up may take: the system's resolver may wait for minutes, and can't be stopped."""
MOST_LOOKUPS: Final = 32
"""Look-ups at once, those counted that nobody waits for any more."""
MOST_FOR_ONE: Final = 8
"""Of these for one owner, so that a platform whose names hang takes the others' look-ups from nobody."""

Resolve = Callable[[str, int], Sequence[str]]


def resolve_by_system(host: str, port: int) -> list[str]:
    """Return the addresses of a name, by the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for *_, sockaddr in found]


class Lookups:
    """The look-ups of one process.

    Parameters
    ----------
    resolve : callable
        Name and port to addresses.
    seconds : float
        How long one may take, with the wait for its turn.
    """

    def __init__(
        self, resolve: Resolve = resolve_by_system, seconds: float = LOOKUP_SECONDS
    ) -> None:
        self._resolve = resolve
        self._seconds = seconds
        self._running: Counter[str | None] = Counter()
        self._changed = threading.Condition()

    def addresses(self, host: str, port: int, owner: str | None = None) -> Sequence[str]:
        """Look a name up on a thread of its own.

        Parameters
        ----------
        owner : str, optional
            For whom: a tenant's id. Without one it is the installation's own.

        Raises
        ------
        TimeoutError
            If that takes too long, which leaves the thread behind, or if no turn came.
        OSError, UnicodeError
            The resolver's; or if the process has as many threads as it may.
        """
        until = time.monotonic() + self._seconds
        self._begin(owner)
        answer: Future[Sequence[str]] = Future()

        def ask() -> None:
            try:
                answer.set_result(self._resolve(host, port))
            except (OSError, UnicodeError) as error:
                answer.set_exception(error)
            finally:
                self._end(owner)

        try:
            threading.Thread(target=ask, name="lookup", daemon=True).start()
        except RuntimeError as error:  # the process has as many threads as it may
            self._end(owner)
            raise OSError(*error.args) from error
        return answer.result(max(0.0, until - time.monotonic()))

    def _begin(self, owner: str | None) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: self._has_room(owner), self._seconds):
                raise TimeoutError
            self._running[owner] += 1

    def _has_room(self, owner: str | None) -> bool:
        return self._running.total() < MOST_LOOKUPS and self._running[owner] < MOST_FOR_ONE

    def _end(self, owner: str | None) -> None:
        with self._changed:
            self._running[owner] -= 1
            if not self._running[owner]:
                del self._running[owner]
            self._changed.notify_all()
