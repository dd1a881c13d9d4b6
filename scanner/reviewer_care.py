"""What spares reviewers: breaks, kinds of words that they don't want to meet, cases that they put off.

Nobody is ranked by it, and nothing here is shown to anybody else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, select

import appeals
from policy.words import CATEGORIES
from scanner import cases, parties, queues
from scanner.callers import Caller
from scanner.errors import ScannerError
from scanner.tables import Analysis, Case, CaseVerdict, GoldenCase, ReviewerWish, Track
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

HARD: Final = frozenset({"sexual", "violence", "hate", "self-harm"})
"""Categories of words that are muted and covered first."""
PUT_OFF: Final = timedelta(hours=1)
REST: Final = timedelta(minutes=10)
"""Whoever decided nothing for so long has rested."""
LONGEST: Final = timedelta(hours=8)
"""Of a shift that is counted."""
LOOKED_AT: Final = 200
"""Cases that are tried for the next one, most pressing first."""


class BadWishError(ScannerError):
    """What a reviewer asks for can't be; the message says what can."""


@dataclass(frozen=True)
class Shift:
    """What somebody did since their last rest; ``tired``: a break is due."""

    cases: int
    minutes: int
    tired: bool


def wishes(session: Session, user_id: str, now: datetime) -> ReviewerWish:
    """Return what a reviewer wants; the defaults, if they never said."""
    known = session.get(ReviewerWish, user_id)
    return known or ReviewerWish(user_id=user_id, updated_at=now)


def ask(
    service: "Service",
    caller: Caller,
    *,
    break_cases: int,
    break_minutes: int,
    calm: bool,
    without: Sequence[str],
) -> ReviewerWish:
    """Keep what a reviewer wants; 0 cases or minutes: no reminder.

    Raises
    ------
    BadWishError
        If a number is out of range, or there is no such category.
    """
    actor = parties.staff(caller)
    if not (0 <= break_cases <= 500 and 0 <= break_minutes <= 480):
        raise BadWishError("a break comes after 0 to 500 cases and 0 to 480 minutes; 0 is never")
    if unknown := sorted(set(without) - set(CATEGORIES)):
        raise BadWishError(
            Told(
                "no category %(unknown)s: there are %(categories)s",
                unknown=unknown[0],
                categories=", ".join(CATEGORIES),
            )
        )
    with service.database.transaction() as session:
        row = locked_wish(service, session, actor.id)
        row.break_cases, row.break_minutes, row.calm = break_cases, break_minutes, calm
        row.without = sorted(set(without))
        return row


def rest(service: "Service", caller: Caller) -> None:
    """Begin to count anew: somebody had a break."""
    actor = parties.staff(caller)
    with service.database.transaction() as session:
        locked_wish(service, session, actor.id).rested_at = service.now()


def put_off(service: "Service", caller: Caller, case_id: str) -> None:
    """Give a case back and not be given it again for an hour."""
    actor = parties.staff(caller)
    cases.release(service, caller, case_id)
    with service.database.transaction() as session:
        row, now = locked_wish(service, session, actor.id), service.now()
        still = {key: until for key, until in row.put_off.items() if until > now.isoformat()}
        row.put_off = still | {case_id: (now + PUT_OFF).isoformat()}


def take_next(service: "Service", caller: Caller, wanted: Sequence[Any] = ()) -> Case | None:
    """Take the most pressing case that a reviewer may take and wants; None if there is none.

    Parameters
    ----------
    wanted : sequence of conditions
        On `Case`, besides those of the queue.
    """
    actor, now = parties.staff(caller), service.now()
    with service.database.reading() as session:
        query = select(Case.id).where(*queues.open_to(session, actor, caller.tenant_id, now))
        found = session.exec(query.where(*wanted).order_by(*queues.order()).limit(LOOKED_AT)).all()
        spared = _spared(session, actor.id, found, now)
    for case_id in found:
        if case_id in spared:
            continue
        try:
            return cases.lease(service, caller, case_id)
        except (ScannerError, appeals.AppealError):
            continue  # somebody else was quicker
    return None


def shift(session: Session, tenant_id: str, user_id: str, now: datetime) -> Shift:
    """Return how much somebody decided since they last rested."""
    wish = wishes(session, user_id, now)
    since = max(wish.rested_at or now - LONGEST, now - LONGEST)
    query = select(CaseVerdict.created_at).where(
        CaseVerdict.tenant_id == tenant_id,
        CaseVerdict.reviewer_id == user_id,
        col(CaseVerdict.created_at) > since,
    )
    before, count = now, 0
    for at in session.exec(query.order_by(col(CaseVerdict.created_at).desc()).limit(600)):
        if before - at > REST:
            break
        before, count = at, count + 1
    minutes = int((now - before).total_seconds() // 60)
    tired = bool(
        (wish.break_cases and count >= wish.break_cases)
        or (wish.break_minutes and minutes >= wish.break_minutes)
    )
    return Shift(count, minutes, tired)


def is_hard(words: Mapping[str, Any] | None) -> bool:
    """Whether what was found in a track's words is hard to hear."""
    return bool(HARD & _categories(words))


def _spared(session: Session, user_id: str, case_ids: Sequence[str], now: datetime) -> set[str]:
    """Return the cases that somebody is not to be given: put off, or of words that they avoid."""
    wish = wishes(session, user_id, now)
    spared = {key for key, until in wish.put_off.items() if until > now.isoformat()}
    if not wish.without:
        return spared
    query = (
        select(Case.id, Analysis.words)
        .outerjoin(GoldenCase, col(GoldenCase.case_id) == col(Case.id))
        .join(Track, (col(Track.id) == Case.track_id) | (col(Track.id) == GoldenCase.track_id))
        .join(Analysis, col(Analysis.id) == Track.analysis_id)
        .where(col(Case.id).in_(case_ids))
    )
    for case_id, words in session.exec(query):
        if _categories(words) & set(wish.without):
            spared.add(case_id)
    return spared


def _categories(words: Mapping[str, Any] | None) -> set[str]:
    return {each["category"] for each in (words or {}).get("findings", ())}


def locked_wish(service: "Service", session: Session, user_id: str) -> ReviewerWish:
    """Return what a reviewer wants, locked; the defaults, if they never said."""
    row = session.get(ReviewerWish, user_id, with_for_update=True)
    if row is None:
        row = ReviewerWish(user_id=user_id, updated_at=service.now())
        session.add(row)
    row.updated_at = service.now()
    return row
