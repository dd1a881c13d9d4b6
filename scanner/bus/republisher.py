"""Sends journalled events again that a broker lost: nothing accepted may be stuck.

For each group a cursor over the seals says up to where every event is handled. What lies beyond it
and is unhandled is sent again when the broker has forgotten what it was given, when the group has
read everything and the event is old all the same, or when it is very old. The mark *handled* makes
a needless repeat harmless.
"""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog
from sqlalchemy import ColumnElement, and_, or_
from sqlmodel import col, func, select

from scanner.bus.groups import Group
from scanner.journal import Event, event_of
from scanner.tables import BusCursor, Handled, JournalRow, JournalSeal

if TYPE_CHECKING:
    from scanner.service import Service

BATCH: Final = 1000
VERY_OLD: Final = 10
DOUBLINGS: Final = 5
"""Of the wait from one repeat of an event to the next: an hour at most, of two minutes."""
REPLAYED: Final = "replayed"

log = structlog.get_logger()


class Republisher:
    """Finds what a group has not handled.

    Parameters
    ----------
    send : callable
        Sends events to the broker.
    lags : callable
        Tells whether the broker still holds something that a group has not read.
    """

    def __init__(
        self,
        service: "Service",
        send: Callable[[Iterable[Event]], None],
        lags: Callable[[Group], bool],
    ) -> None:
        self._service = service
        self._send = send
        self._lags = lags
        self._newest: dict[tuple[str, int], int] = {}
        self._sent: dict[str, tuple[float, int]] = {}
        self._look_at = 0.0
        self._lost = False

    def saw(self, topic: str, partition: int, offset: int) -> None:
        """Note an offset the broker gave; one that went back means that the broker forgot."""
        key = (topic, partition)
        if 0 <= offset < self._newest.get(key, -1):
            log.error("broker_forgot", topic=topic, partition=partition)
            self._lost = True
        if offset >= 0:
            self._newest[key] = offset

    def due(self) -> bool:
        """Tell whether it is time to look."""
        return self._lost or time.monotonic() >= self._look_at

    def run_once(self) -> int:
        """Send again what is overdue; return how many events that were."""
        age = self._service.settings.republish_seconds
        self._look_at = time.monotonic() + max(0.2, min(5.0, age / 4))
        lost, self._lost = self._lost, False
        overdue: dict[str, Event] = {}
        try:
            for group in self._service.groups:
                overdue |= {event.id: event for event in self._overdue(group, age, lost)}
            now = time.monotonic()
            again = [event for event in overdue.values() if lost or self._is_due(event, now, age)]
            if again:
                log.warning("republished", events=len(again), lost=lost)
                self._send(sorted(again, key=lambda event: (event.subject, event.version)))
        except BaseException:
            self._lost = self._lost or lost
            raise
        before = {key: sent for key, sent in self._sent.items() if key in overdue}
        times = {event.id: 1 if lost else before.get(event.id, (now, 0))[1] + 1 for event in again}
        self._sent = before | {key: (now, count) for key, count in times.items()}
        return len(again)

    def _is_due(self, event: Event, now: float, age: float) -> bool:
        """Tell whether to send an event again: each time after twice the wait, up to a bound.

        A group that is behind has it in the broker still, and would only get further behind.
        """
        at, times = self._sent.get(event.id, (-math.inf, 1))
        return now - at >= math.ldexp(age, min(times - 1, DOUBLINGS))

    def rewind(self, group_name: str, event: Event) -> None:
        """Let a group's cursor stand before an event that it is to handle once more."""
        with self._service.database.transaction() as session:
            position = session.exec(
                select(JournalSeal.position).where(JournalSeal.journal_id == event.id)
            ).first()
            cursor = session.get(BusCursor, _cursor_name(group_name), with_for_update=True)
            if position is not None and cursor is not None:
                cursor.position = min(cursor.position, position - 1)

    def settled(self, group_name: str) -> int:
        """Return up to which position a group has handled everything."""
        with self._service.database.reading() as session:
            cursor = session.get(BusCursor, _cursor_name(group_name))
            return cursor.position if cursor else 0

    def depth(self, group_name: str) -> int:
        """Return how many events wait for a group."""
        group = next((each for each in self._service.groups if each.name == group_name), None)
        if group is None:
            return 0
        settled = self.settled(group_name)
        with self._service.database.reading() as session:
            query = (
                select(func.count())
                .select_from(JournalSeal)
                .join(JournalRow, col(JournalRow.id) == col(JournalSeal.journal_id))
                .outerjoin(Handled, _mark_of(group))
                .where(
                    JournalSeal.position > settled,
                    col(JournalRow.type).in_(list(group.handlers)),
                    _open(),
                )
            )
            return session.exec(query).one()

    def _overdue(self, group: Group, age: float, lost: bool) -> list[Event]:
        """Move the group's cursor over what is handled; return what is to be sent again."""
        start = settled = position = self.settled(group.name)
        open_: list[JournalRow] = []
        while lost or not open_:
            rows = self._sealed_after(group, position)
            for position, row, outcome in rows:
                if row.type in group.handlers and outcome in {None, REPLAYED}:
                    open_.append(row)
                elif not open_:
                    settled = position
            if len(rows) < BATCH:
                break
        if settled > start:
            self._move_cursor(group, start, settled)
        if lost:
            return [event_of(row) for row in open_]
        now = self._service.now()
        old = [row for row in open_ if row.time <= now - timedelta(seconds=age)]
        if old and self._lags(group):
            old = [row for row in old if row.time <= now - timedelta(seconds=VERY_OLD * age)]
        return [event_of(row) for row in old]

    def _sealed_after(
        self, group: Group, position: int
    ) -> Sequence[tuple[int, JournalRow, str | None]]:
        with self._service.database.reading() as session:
            return session.exec(
                select(JournalSeal.position, JournalRow, Handled.outcome)
                .join(JournalRow, col(JournalRow.id) == col(JournalSeal.journal_id))
                .outerjoin(Handled, _mark_of(group))
                .where(JournalSeal.position > position)
                .order_by(col(JournalSeal.position))
                .limit(BATCH)
            ).all()

    def _move_cursor(self, group: Group, start: int, settled: int) -> None:
        name = _cursor_name(group.name)
        with self._service.database.transaction() as session:
            cursor = session.get(BusCursor, name, with_for_update=True)
            if cursor is not None and cursor.position != start:
                return  # it was rewound meanwhile
            # What a replay opened again after it was read here stays before the cursor.
            opened = session.exec(
                select(func.min(JournalSeal.position))
                .join(JournalRow, col(JournalRow.id) == col(JournalSeal.journal_id))
                .outerjoin(Handled, _mark_of(group))
                .where(
                    JournalSeal.position > start,
                    JournalSeal.position <= settled,
                    col(JournalRow.type).in_(list(group.handlers)),
                    _open(),
                )
            ).one()
            position = settled if opened is None else opened - 1
            if cursor is None:
                session.add(BusCursor(name=name, position=position))
            else:
                cursor.position = position


def _cursor_name(group_name: str) -> str:
    return f"settled:{group_name}"


def _mark_of(group: Group) -> ColumnElement[bool]:
    return and_(col(Handled.event_id) == col(JournalRow.id), col(Handled.group) == group.name)


def _open() -> ColumnElement[bool]:
    return or_(col(Handled.event_id).is_(None), col(Handled.outcome) == REPLAYED)
