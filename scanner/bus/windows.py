"""What a Kafka consumer has read and not yet acknowledged, partition by partition."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

FULL = 500
LOW = 250


@dataclass(eq=False)
class Waiting:
    """A record that was read: when it may begin, whether it runs, whether it is dealt with."""

    record: Any
    due: float
    running: bool = False
    done: bool = False


class Window:
    """The unacknowledged records of one partition.

    Parameters
    ----------
    in_order : bool
        Whether a record must wait for the one before it. Records on ``.retry`` need not: each is
        put by until its own time, and one that waits for a minute must not hold up another group's.
    """

    def __init__(self, in_order: bool) -> None:
        self._in_order = in_order
        self._entries: deque[Waiting] = deque()

    def __len__(self) -> int:
        """How many are not dealt with: those that are must not keep others from being read."""
        return sum(not entry.done for entry in self._entries)

    def extend(self, entries: Iterable[Waiting]) -> None:
        """Add records in the order of their offsets."""
        self._entries.extend(entries)

    def next_due(self, now: float) -> Waiting | None:
        """Return the first record that may begin, if there is one."""
        for entry in self._entries:
            if not entry.done and not entry.running and entry.due <= now:
                return entry
            if self._in_order:
                return None
        return None

    def earliest_due(self) -> float | None:
        """Return when the next record may begin, or None if none waits."""
        entries = islice(self._entries, 1) if self._in_order else self._entries
        return min(
            (each.due for each in entries if not each.done and not each.running), default=None
        )

    def acknowledge(self) -> int | None:
        """Forget what is done at the front; return the offset to go on from, or None."""
        offset = None
        while self._entries and self._entries[0].done:
            offset = self._entries.popleft().record.offset + 1
        return offset
