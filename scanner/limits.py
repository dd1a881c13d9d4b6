"""How much one client may ask for: rates by key and by address, and back-pressure for uploads."""

import asyncio
import ipaddress
import math
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import structlog
from anyio import CapacityLimiter
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
"""In which the wait for a turn is measured."""

TURN_SECONDS: Final = 1.0
"""After which a read that is still worked on is nobody's turn any more."""

HELD_SECONDS: Final = 1.0
"""How long a refusal is held back: who asks again at once would keep the process busy with refusing."""

MOST_HELD: Final = 1000
"""Refusals that are held back at once."""

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
    """Refuses requests while too many wait for their turn in this process, or wait too long.

    Without it every answer would come later than the one before, until no client waits for it any more. Reads
    are worked on a few at a time: many at once wait less for a thread than for the event loop, where no queue can
    be seen. Refusals are held back for a moment: hundreds of clients that ask again at once would have the event
    loop for themselves.
    """

    def __init__(self, settings: "Settings") -> None:
        self._slots = CapacityLimiter(settings.read_slots)
        self._turns: set[object] = set()
        self._held = 0
        self._threads = _Queue(settings, current_default_thread_limiter, _take_thread)
        self._reads = _Queue(settings, lambda: self._slots, self._take_slot)

    async def check(self) -> None:
        """Raise ``BusyError`` if too many wait for a thread; called on the event loop, whose threads these are."""
        await self._refuse_if_busy(self._threads)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """Work on a read once it is its turn; raise ``BusyError`` if too many wait for theirs.

        One that takes long waits for something else, as a network or a lock: after a moment it is the next one's turn.
        """
        await self._refuse_if_busy(self._reads)
        turn = object()
        await self._slots.acquire_on_behalf_of(turn)
        self._turns.add(turn)
        late = asyncio.get_running_loop().call_later(TURN_SECONDS, self._end, turn)
        try:
            yield
        finally:
            late.cancel()
            self._end(turn)

    def _end(self, turn: object) -> None:
        if turn in self._turns:
            self._turns.remove(turn)
            self._slots.release_on_behalf_of(turn)

    async def _refuse_if_busy(self, queue: "_Queue") -> None:
        try:
            queue.check()
        except BusyError:
            if self._held < MOST_HELD:
                self._held += 1
                try:
                    await asyncio.sleep(HELD_SECONDS)
                finally:
                    self._held -= 1
            raise

    async def _take_slot(self) -> None:
        async with self._slots:
            pass


class _Queue:
    """What requests wait for in the order of asking.

    How long one that was asked for has not come is what others wait too. That is counted in steps: a pause of the
    whole process, in which none could have come, is one step at most.
    """

    def __init__(
        self,
        settings: "Settings",
        limiter: Callable[[], CapacityLimiter],
        take: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        self._limit = settings.request_limit
        self._step_seconds = settings.thread_wait_seconds / STEPS
        self._limiter = limiter
        self._take = take
        self._is_late = False
        self._asking: asyncio.Task[None] | None = None

    def check(self) -> None:
        """Raise ``BusyError`` if too many wait, or wait too long."""
        waiting = self._limiter().statistics().tasks_waiting
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
        """Ask for one and note when it is late, until it comes."""
        asked = asyncio.ensure_future(self._take())
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


async def _take_thread() -> None:
    await run_sync(_nothing)


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
