"""How much one client may ask for: rates by key and by address, and back-pressure for uploads."""

import asyncio
import ipaddress
import math
import threading
import time
from typing import TYPE_CHECKING, Final

import structlog
from anyio.to_thread import current_default_thread_limiter, run_sync
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from scanner.errors import BusyError, ScannerError
from scanner.problems import HttpError
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service
    from scanner.settings import Settings

DEPTH_SECONDS: Final = 1.0
"""How long a measured queue depth is believed."""

STEPS: Final = 5
"""In which the wait for a thread is measured."""

LOGINS: Final = "10/5minute"
"""Tries to log in: of an address with a login, and, five times as many, of a login from anywhere."""
LOGINS_FROM_ANYWHERE: Final = "50/5minute"
FORGOTTEN: Final = "3/hour"
"""Links that may be asked for to one login from anywhere, and ten times as many from one address."""
FORGOTTEN_AT_ADDRESS: Final = "30/hour"

log = structlog.get_logger()


class RateLimits:
    """Counts requests in sliding windows, in this process's memory.

    Several server processes count each for itself: a client may then get that many times the rate.
    """

    def __init__(self, settings: "Settings") -> None:
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._per_key = parse(settings.rate_limit)
        self._per_address = parse(settings.public_rate_limit)
        self._per_login, self._from_anywhere = parse(LOGINS), parse(LOGINS_FROM_ANYWHERE)
        self._forgotten, self._at_address = parse(FORGOTTEN), parse(FORGOTTEN_AT_ADDRESS)

    def count_key(self, key_id: str) -> dict[str, str]:
        """Count a request of a key; return the headers that tell how many are left.

        Raises
        ------
        HttpError
            ``rate-limited``, if none was left.
        """
        return self._count(self._per_key, "key", key_id)

    def count_address(self, address: str) -> dict[str, str]:
        """Count a request without a valid key, by its address."""
        return self._count(self._per_address, "address", _whose(address))

    def count_login(self, address: str, email: str) -> None:
        """Count a try to log in, before the password is looked at."""
        self._count(self._per_login, "login", f"{_whose(address)} {email}")
        self._count(self._from_anywhere, "login from anywhere", email)

    def count_forgotten(self, address: str, email: str) -> None:
        """Count somebody who has forgotten a password, whether there is such a login or not."""
        self._count(self._at_address, "forgotten at address", _whose(address))
        self._count(self._forgotten, "forgotten", email)

    def _count(self, limit: RateLimitItem, name: str, who: str) -> dict[str, str]:
        allowed = self._limiter.hit(limit, name, who)
        reset_at, left = self._limiter.get_window_stats(limit, name, who)
        wait = max(1, math.ceil(reset_at - time.time()))
        headers = {
            "RateLimit-Policy": f'"{name}";q={limit.amount};w={limit.get_expiry()}',
            "RateLimit": f'"{name}";r={left};t={wait}',
        }
        if allowed:
            return headers
        raise HttpError(
            "rate-limited",
            Told(
                "at most %(amount)s requests in %(limit)s s for each %(name)s: slow down",
                amount=limit.amount,
                limit=limit.get_expiry(),
                name=name,
            ),
            headers=headers | {"Retry-After": str(wait)},
        )


def _whose(address: str) -> str:
    """Return what one client has of an address: of IPv6 the /64, any address of which it may choose (RFC 6177)."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if ip.version == 4:
        return str(ip)
    return str(ip.ipv4_mapped or ipaddress.IPv6Address(int(ip) >> 64 << 64))


class Crowd:
    """Refuses requests while too many wait for one of this process's threads, or wait too long.

    Without it every answer would come later than the one before, until no client waits for it any more. Threads
    are given in the order of asking, so how long one that was asked for has not come is what others wait too. That
    is counted in steps: a pause of the whole process, in which no thread could have come, is one step at most.
    """

    def __init__(self, settings: "Settings") -> None:
        self._limit = settings.request_limit
        self._step_seconds = settings.thread_wait_seconds / STEPS
        self._is_late = False
        self._asking: asyncio.Task[None] | None = None

    def check(self) -> None:
        """Raise ``BusyError`` if it is so; called on the event loop, whose threads these are."""
        waiting = current_default_thread_limiter().statistics().tasks_waiting
        if waiting >= self._limit:
            raise BusyError(
                Told("%(waiting)s requests wait already: come back later", waiting=waiting),
                retry_after=2,
            )
        if not waiting:
            return
        if self._is_late:
            raise BusyError("requests wait too long already: come back later", retry_after=2)
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())

    async def _ask(self) -> None:
        """Ask for a thread and note when it is late, until it comes."""
        asked = asyncio.ensure_future(run_sync(_nothing))
        try:
            for _ in range(STEPS):
                done, _ = await asyncio.wait([asked], timeout=self._step_seconds)
                if done:
                    return
            self._is_late = True
            await asked
        finally:
            self._is_late = False
            asked.cancel()


def _nothing() -> None:
    """Do nothing, on a thread."""


class BackPressure:
    """Refuses uploads while too many tracks wait for their analysis."""

    def __init__(self, service: "Service") -> None:
        self._service = service
        self._lock = threading.Lock()
        self._measured_at = -math.inf
        self._depth = 0

    def check(self) -> None:
        """Raise ``BusyError`` if the queue is full."""
        limit = self._service.settings.queue_limit
        if self._current() >= limit:
            raise BusyError(
                Told("%(limit)s tracks wait already: come back later", limit=limit), retry_after=30
            )

    def _current(self) -> int:
        with self._lock:
            if time.monotonic() - self._measured_at > DEPTH_SECONDS:
                try:
                    self._depth = self._service.transport.depth("analyse")
                except ScannerError as error:
                    # What is accepted is in the journal, broker or not: go on accepting.
                    log.warning("queue_depth_unknown", detail=str(error))
                    self._depth = 0
                self._measured_at = time.monotonic()
            return self._depth
