"""The clocks of a creator's track: whose turn it is, until when, and what happens at zero."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from scanner.tables import Appeal, CounterNotice, Dispute

if TYPE_CHECKING:
    from scanner.console.creator_views import Contested

Whose = Literal["yours", "theirs", "ours"]


@dataclass(frozen=True)
class Clock:
    """A time by which somebody acts.

    Attributes
    ----------
    what : str
        Names the words of ``creator_words.html``: what is to be done, and what happens at zero.
    at : datetime
    opens_at : datetime or None
        With ``counter-window``: from when the track may come back (DMCA-R).
    """

    whose: Whose
    what: str
    at: datetime
    opens_at: datetime | None = None


def clocks(
    found: "Contested", until: datetime | None, ends: Mapping[str, datetime | None]
) -> list[Clock]:
    """Return the clocks that run, the nearest first; ``until`` is when the decision can be contested no more.

    ``ends`` are those of disputes, by id (`complaint_windows.ends`).
    """
    running = [clock for row in _matters(found) if (clock := clock_of(row, ends)) is not None]
    running += [
        Clock("yours", "question", case.due_at) for case, _ in found.questions if case.due_at
    ]
    open_appeal = any(each.state in {"filed", "assigned", "questions"} for each in found.appeals)
    if until is not None and not open_appeal:
        running.append(Clock("yours", "contest", until))
    return sorted(running, key=lambda each: each.at)


def clock_of(
    row: Dispute | Appeal | CounterNotice, ends: Mapping[str, datetime | None]
) -> Clock | None:
    """Return the clock that runs in a matter; None if none does."""
    at = ends.get(row.id, row.due_at)
    if at is None:
        return None
    opens_at = row.opens_at if isinstance(row, CounterNotice) else None
    known = _CLOCKS.get((row.KIND, row.state))
    return Clock(*known, at, opens_at) if known else None


def _matters(found: "Contested") -> Iterator[Dispute | Appeal | CounterNotice]:
    yield from found.disputes
    yield from found.appeals
    yield from found.counters


_CLOCKS: dict[tuple[str, str], tuple[Whose, str]] = {
    ("dispute", "with_claimant"): ("theirs", "dispute-answer"),
    ("dispute", "upheld"): ("yours", "dispute-appeal"),
    ("dispute", "appealed"): ("theirs", "appeal-answer"),
    ("appeal", "filed"): ("ours", "appeal-decision"),
    ("appeal", "assigned"): ("ours", "appeal-decision"),
    ("appeal", "partly"): ("yours", "out-of-court"),
    ("appeal", "denied"): ("yours", "out-of-court"),
    ("counter_notice", "waiting"): ("theirs", "counter-window"),
}
