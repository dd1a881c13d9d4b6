"""Calls a handler for an event so that its effect happens once, whichever transport brings it.

Delivery is at least once; the effect inside the database happens once, because the mark *handled*
commits with it. What a handler does outside the database (files, index, network) may happen again
after a crash and must be harmless then.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog
from sqlalchemy import exists
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from scanner.bus import dead_letters
from scanner.bus.groups import Group
from scanner.database import is_transient
from scanner.errors import ConflictError, PoisonError, TransientError
from scanner.journal import Event
from scanner.metrics import EVENTS, HANDLE_SECONDS
from scanner.tables import Handled, JournalRow, JournalSeal

if TYPE_CHECKING:
    from scanner.service import Service

DONE: Final = "done"
DEAD: Final = "dead"
GIVEN_UP: Final = "given_up"  # dead, and its group was told
SETTLED: Final = frozenset({DONE, GIVEN_UP})
REPLAYED: Final = "replayed"  # dead once, now on its way again
PARK_SECONDS: Final = 0.2

log = structlog.get_logger()


class AlreadyHandledError(Exception):
    """Another delivery of the same event has committed its effect."""


@dataclass(frozen=True)
class Finished:
    """The event is dealt with: acknowledge it."""

    outcome: str


@dataclass(frozen=True)
class Again:
    """Deliver the event again after ``delay`` seconds; a parked one does not count as a try."""

    delay: float
    counts: bool = True


@dataclass(frozen=True)
class Hold:
    """Keep the event where it is, and what comes behind it, and look again after ``delay`` seconds."""

    delay: float


Verdict = Finished | Again | Hold


@contextmanager
def once(
    service: "Service", group: str, event: Event, part: str | None = None
) -> Iterator[Session]:
    """Open the transaction of an event's effect; the mark *handled* commits with it.

    Parameters
    ----------
    part : str, optional
        Id of what this transaction is about, where the effect takes several: a crash between two of them
        repeats neither.

    Raises
    ------
    AlreadyHandledError
        If the event's effect, or that part of it, is in the database already.
    """
    mark = event.id if part is None else f"{event.id}/{part}"
    with service.database.transaction() as session:
        mark_handled(service, session, group, mark)
        yield session


def mark_handled(service: "Service", session: Session, group: str, event_id: str) -> None:
    """Write the mark, or raise ``AlreadyHandledError`` if it stands."""
    mark = session.get(Handled, (group, event_id), with_for_update=True)
    if mark is not None and mark.outcome != REPLAYED:  # done, or given up on by a twin
        raise AlreadyHandledError
    if mark is not None:
        mark.outcome, mark.at = DONE, service.now()
        return
    session.add(Handled(group=group, event_id=event_id, outcome=DONE, at=service.now()))
    try:
        session.flush()
    except IntegrityError:  # PostgreSQL: the twin committed between our look and our insert
        raise AlreadyHandledError from None


def dispatch(service: "Service", group: Group, event: Event, attempts: int) -> Verdict:
    """Handle one delivery of an event.

    Parameters
    ----------
    attempts : int
        How often this event failed in this group before.
    """
    handler = group.handlers.get(event.type)
    if handler is None:
        return Finished("ignored")
    with structlog.contextvars.bound_contextvars(
        track_id=event.subject, event_id=event.id, stage=group.name, tenant=event.tenant
    ):
        mark = _mark(service, group, event)
        if mark in SETTLED:
            return _finished(group, "duplicate")
        if mark == DEAD:  # buried, but not acknowledged: a worker died in between
            return _give_up(service, group, event, "it is among the dead letters", attempts)
        if attempts > service.settings.retries:  # a try that fails is buried before that
            error = PoisonError("the workers that handled it died")
            return _bury(service, group, event, error, attempts)
        if _waits_for_earlier(service, group, event):
            EVENTS.labels(group.name, "parked").inc()
            return Again(PARK_SECONDS, counts=False)
        try:
            with HANDLE_SECONDS.labels(group.name).time():
                handler(service, event)
        except AlreadyHandledError:
            return _finished(group, "duplicate")
        except Exception as error:  # noqa: BLE001 - every failure of a handler ends in a verdict
            return _after_failure(service, group, event, attempts, error)
        return _finished(group, "done")


def _finished(group: Group, outcome: str) -> Finished:
    EVENTS.labels(group.name, outcome).inc()
    log.info("handled", outcome=outcome)
    return Finished(outcome)


def _after_failure(
    service: "Service", group: Group, event: Event, attempts: int, error: Exception
) -> Verdict:
    settings = service.settings
    spent = attempts >= settings.retries
    if not isinstance(error, PoisonError) and not spent:
        delay = retry_delay(attempts, settings.retry_base_seconds, settings.retry_cap_seconds)
        expected = isinstance(error, TransientError | ConflictError) or is_transient(error)
        log.warning(
            "will_retry",
            delay=delay,
            attempt=attempts + 1,
            exc_info=not expected,
            error=type(error).__name__,
            detail=str(error),
        )
        EVENTS.labels(group.name, "retried").inc()
        return Again(delay)
    return _bury(service, group, event, error, attempts + 1)


def _bury(
    service: "Service", group: Group, event: Event, error: Exception, attempts: int
) -> Verdict:
    log.error("dead", error=type(error).__name__, detail=str(error), exc_info=error)
    if dead_letters.bury(service, group.name, event, error, attempts) is None:
        return _finished(group, "duplicate")
    EVENTS.labels(group.name, "dead").inc()
    return _give_up(service, group, event, str(error), attempts)


def _give_up(service: "Service", group: Group, event: Event, why: str, attempts: int) -> Verdict:
    """Tell the group that its event is dead; what fails here is tried again, off the main road."""
    if group.gave_up is not None:
        try:
            group.gave_up(service, event, why)
        except Exception:
            log.exception("giving_up_failed")
            settings = service.settings
            delay = retry_delay(attempts, settings.retry_base_seconds, settings.retry_cap_seconds)
            return Again(delay)
    with service.database.transaction() as session:
        mark = session.get_one(Handled, (group.name, event.id), with_for_update=True)
        if mark.outcome == DEAD:
            mark.outcome, mark.at = GIVEN_UP, service.now()
    return Finished("dead")


def retry_delay(attempts: int, base: float, cap: float) -> float:
    """Return seconds until the next try: exponential backoff, half of it jitter."""
    whole = min(cap, base * 2.0 ** min(attempts, 60))
    return whole / 2 + random.uniform(0, whole / 2)  # noqa: S311 - jitter is no secret


def _mark(service: "Service", group: Group, event: Event) -> str | None:
    with service.database.reading() as session:
        mark = session.get(Handled, (group.name, event.id))
        return mark.outcome if mark is not None else None


def _waits_for_earlier(service: "Service", group: Group, event: Event) -> bool:
    """Tell whether an earlier event of the subject, of a type this group handles, is still open.

    What was sealed before the transport's settled position is not looked at: an event of a type
    that the group only handles since an upgrade would never be handled and block its subject.
    """
    if event.version <= 1:
        return False
    settled = service.transport.settled(group.name)
    if settled is None:
        return False
    handled = exists().where(
        col(Handled.group) == group.name, col(Handled.event_id) == col(JournalRow.id)
    )
    earlier = (
        select(JournalRow.id)
        .join(JournalSeal, col(JournalSeal.journal_id) == col(JournalRow.id))
        .where(
            JournalSeal.position > settled,
            JournalRow.subject == event.subject,
            JournalRow.version < event.version,
            col(JournalRow.type).in_(list(group.handlers)),
            ~handled,
        )
        .limit(1)
    )
    with service.database.reading() as session:
        return session.exec(earlier).first() is not None
