"""Reports of years that are over, as the public pages show them: counted once, kept for each platform.

Counting walks the journal. Each platform's years wait for that platform's counting alone, and of one platform
no more years are kept than `KEPT`; a request for another platform's report neither waits for it nor drops it.
"""

import threading
from collections import OrderedDict
from datetime import date
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from scanner import transparency
from scanner.errors import BusyError

if TYPE_CHECKING:
    from scanner.service import Service

KEPT: Final = 10
"""Years of one platform; DSA-24/15 has them shown for five."""
PATIENCE_SECONDS: Final = 3.0
MOST_PLATFORMS: Final = 200
"""Whose reports are kept: those that were asked for last."""


class _Shelf:
    """One platform's reports, newest asked for last, and the lock under which they are counted."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.years: OrderedDict[int, dict[str, Any]] = OrderedDict()


class _Shelves:
    """The shelves of one service, found without waiting for any counting."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.by_tenant: OrderedDict[str, _Shelf] = OrderedDict()

    def of(self, tenant_id: str) -> _Shelf:
        with self.lock:
            shelf = self.by_tenant.setdefault(tenant_id, _Shelf())
            self.by_tenant.move_to_end(tenant_id)
            while len(self.by_tenant) > MOST_PLATFORMS:
                self.by_tenant.popitem(last=False)
            return shelf


_services: "WeakKeyDictionary[Service, _Shelves]" = WeakKeyDictionary()
_lock = threading.Lock()


def of_year(service: "Service", tenant_id: str, year: int) -> dict[str, Any]:
    """Return a platform's report of a year that is over.

    Raises
    ------
    BusyError
        If others have had it counted for a while: nobody takes all threads by asking again and again.
    """
    with _lock:
        shelves = _services.setdefault(service, _Shelves())
    shelf = shelves.of(tenant_id)
    if not shelf.lock.acquire(timeout=PATIENCE_SECONDS):
        raise BusyError("this report is being counted: come back in a moment", retry_after=5)
    try:
        if year not in shelf.years:
            shelf.years[year] = _counted(service, tenant_id, year)
        shelf.years.move_to_end(year)
        while len(shelf.years) > KEPT:
            shelf.years.popitem(last=False)
        return shelf.years[year]
    finally:
        shelf.lock.release()


def _counted(service: "Service", tenant_id: str, year: int) -> dict[str, Any]:
    first, last = date(year, 1, 1), date(year, 12, 31)
    return dict(transparency.of_period(service, tenant_id, first, last))
