"""Each row of a chore by itself: one that fails comes again later, with longer and longer waits.

A chore that takes the oldest rows first would see the same ones in every round if they failed; so it asks only
for those that `ready` lets through. What fails is logged and counted (``clearance_setbacks``) until it works,
or is no longer there to be done.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import structlog
from sqlalchemy import delete, exists
from sqlmodel import Session, col, select

from scanner.tables import Setback

if TYPE_CHECKING:
    from datetime import datetime

    from scanner.service import Service

FIRST_WAIT: Final = timedelta(seconds=5)
LONGEST_WAIT: Final = timedelta(hours=1)
NOT_READY_WAIT: Final = timedelta(seconds=1)
LONGEST_NOT_READY: Final = timedelta(minutes=1)
FORGOTTEN: Final = timedelta(days=1)
"""How long after its turn a setback is kept: a row that is still due is tried, and sets it anew."""

log = structlog.get_logger()


def ready(chore: str, row_id: Any, now: "datetime") -> Any:
    """Return the condition that a row, by the column of its id, need not wait after a setback."""
    waits = (
        col(Setback.chore) == chore,
        col(Setback.row_id) == row_id,
        col(Setback.not_before) > now,
    )
    return ~exists().where(*waits)


def each(
    service: "Service", chore: str, row_ids: Sequence[str], act: Callable[[str], bool | None]
) -> int:
    """Act on rows, each by itself; return how many there were.

    Parameters
    ----------
    act : callable
        Does one row's work in a transaction of its own; False if the row is not ready yet.
    """
    with service.database.reading() as session:
        query = select(Setback.row_id).where(
            Setback.chore == chore, col(Setback.row_id).in_(row_ids)
        )
        known = set(session.exec(query)) if row_ids else set()
    for row_id in row_ids:
        error: str | None = None
        try:
            done = act(row_id) is not False
        except Exception as raised:
            log.exception("turn_failed", chore=chore, row_id=row_id)
            done, error = False, type(raised).__name__
        if not done:
            _put_off(service, chore, row_id, error)
        elif row_id in known:
            _forget(service, chore, row_id)
    return len(row_ids)


def failing(session: Session) -> dict[str, int]:
    """Return how many rows fail, by chore."""
    found: dict[str, int] = {}
    for chore in session.exec(select(Setback.chore).where(col(Setback.error).is_not(None))):
        found[chore] = found.get(chore, 0) + 1
    return found


def forget_old(service: "Service") -> None:
    """Drop setbacks of rows that are not due any more: somebody else has settled them."""
    before = service.now() - FORGOTTEN
    with service.database.transaction() as session:
        session.execute(delete(Setback).where(col(Setback.not_before) < before))


def _put_off(service: "Service", chore: str, row_id: str, error: str | None) -> None:
    now = service.now()
    first, longest = (
        (NOT_READY_WAIT, LONGEST_NOT_READY) if error is None else (FIRST_WAIT, LONGEST_WAIT)
    )
    with service.database.transaction() as session:
        absent = Setback(chore=chore, row_id=row_id, since=now, not_before=now)
        service.database.insert_if_absent(session, absent)
        row = session.get_one(Setback, (chore, row_id), with_for_update=True)
        row.attempts += 1
        row.error = error[:100] if error else None
        row.not_before = now + min(first * 2 ** min(row.attempts - 1, 20), longest)


def _forget(service: "Service", chore: str, row_id: str) -> None:
    with service.database.transaction() as session:
        session.execute(
            delete(Setback).where(col(Setback.chore) == chore, col(Setback.row_id) == row_id)
        )
