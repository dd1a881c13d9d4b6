"""Sends journalled events again that a broker lost: nothing accepted may be stuck.

For each group a cursor over the seals says up to where every event is handled. What lies beyond it,
is unhandled and old enough is sent again; the mark *handled* makes a needless repeat harmless.
"""

import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog
from sqlalchemy import ColumnElement, and_
from sqlmodel import col, func, select

from scanner.bus.groups import Group
from scanner.errors import TransientError
from scanner.journal import Event, event_of
from scanner.tables import BusCursor, Handled, JournalRow, JournalSeal

if TYPE_CHECKING:
    from scanner.service import Service

BATCH: Final = 1000

log = structlog.get_logger()


class Republisher:
    """Finds what no group has handled.

    Parameters
    ----------
    send : callable
        Sends events to the broker.
    """

    def __init__(self, service: "Service", send: Callable[[Iterable[Event]], None]) -> None:
        self._service = service
        self._send = send
        self._newest: dict[tuple[str, int], int] = {}
        self._sent_at: dict[str, float] = {}
        self._lost = False

    def saw(self, topic: str, partition: int, offset: int) -> None:
        """Note an offset the broker gave; one that went back means that the broker forgot."""
        key = (topic, partition)
        if 0 <= offset < self._newest.get(key, -1):
            log.error("broker_forgot", topic=topic, partition=partition)
            self._lost = True
        if offset >= 0:
            self._newest[key] = offset

    def run(self, stopping: Callable[[], bool], ensure_topics: Callable[[], None]) -> None:
        """Look again and again until told to stop."""
        every = max(0.2, min(5.0, self._service.settings.republish_seconds / 4))
        while not stopping():
            try:
                ensure_topics()
                self.run_once()
            except TransientError as error:
                log.warning("republish_failed", detail=str(error))
            waited = 0.0
            while waited < every and not stopping() and not self._lost:
                time.sleep(0.1)
                waited += 0.1

    def run_once(self) -> int:
        """Send again what is overdue; return how many events that were."""
        age = 0.0 if self._lost else self._service.settings.republish_seconds
        self._lost = False
        overdue: dict[str, Event] = {}
        for group in self._service.groups:
            overdue |= {event.id: event for event in self._overdue(group, age)}
        now = time.monotonic()
        again = [
            event
            for event in overdue.values()
            if now - self._sent_at.get(event.id, float("-inf")) >= age
        ]
        self._sent_at = {key: at for key, at in self._sent_at.items() if key in overdue} | {
            event.id: now for event in again
        }
        if again:
            log.warning("republished", events=len(again))
            self._send(sorted(again, key=lambda event: (event.subject, event.version)))
        return len(again)

    def depth(self, group_name: str) -> int:
        """Return how many events wait for a group."""
        group = next(each for each in self._service.groups if each.name == group_name)
        with self._service.database.reading() as session:
            cursor = session.get(BusCursor, _cursor_name(group))
            query = (
                select(func.count())
                .select_from(JournalSeal)
                .join(JournalRow, col(JournalRow.id) == col(JournalSeal.journal_id))
                .outerjoin(Handled, _mark_of(group))
                .where(
                    JournalSeal.position > (cursor.position if cursor else 0),
                    col(JournalRow.type).in_(list(group.handlers)),
                    col(Handled.event_id).is_(None),
                )
            )
            return session.exec(query).one()

    def _overdue(self, group: Group, age: float) -> list[Event]:
        """Move the group's cursor over what is handled; return what is not and is old enough."""
        name = _cursor_name(group)
        limit = self._service.now() - timedelta(seconds=age)
        with self._service.database.reading() as session:
            cursor = session.get(BusCursor, name)
            start = cursor.position if cursor else 0
            rows = session.exec(
                select(JournalSeal.position, JournalRow, Handled.event_id)
                .join(JournalRow, col(JournalRow.id) == col(JournalSeal.journal_id))
                .outerjoin(Handled, _mark_of(group))
                .where(JournalSeal.position > start)
                .order_by(col(JournalSeal.position))
                .limit(BATCH)
            ).all()
        settled = start
        open_: list[JournalRow] = []
        for position, row, mark in rows:
            if row.type in group.handlers and mark is None:
                open_.append(row)
            elif not open_:
                settled = position
        if settled > start:
            with self._service.database.transaction() as session:
                session.merge(BusCursor(name=name, position=settled))
        return [event_of(row) for row in open_ if row.time <= limit]


def _cursor_name(group: Group) -> str:
    return f"settled:{group.name}"


def _mark_of(group: Group) -> ColumnElement[bool]:
    return and_(col(Handled.event_id) == col(JournalRow.id), col(Handled.group) == group.name)
