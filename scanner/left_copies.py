"""Copies of a noticed work that a person left: the notice's sender is told, and can appeal each (DSA-20).

That a copy was left is written down with the decision. One letter tells of all copies of a notice that were left
within an hour, so that many decided at once are not many letters; the six months begin with it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from sqlmodel import Session, col, func, select

import appeals
from scanner import (
    complaint_windows,
    matters,
    notice_tracks,
    reasons,
    redress,
    setbacks,
    stay_down,
)
from scanner.errors import IllegalTransitionError
from scanner.notice_senders import COPY, day, tell
from scanner.reasons import BadVerdictError
from scanner.tables import Appeal, CaseVerdict, Notice, NoticeTrack, Track
from scanner.track_states import State

if TYPE_CHECKING:
    from scanner.service import Service

GATHERED: Final = timedelta(hours=1)
"""From the first copy of a notice that is left until its sender is told of it, and of all others since."""
MOST: Final = 200
"""Copies in one letter; the next one tells of the rest."""
BATCH: Final = 50
CHORE: Final = "left_copies"


@dataclass(frozen=True)
class LeftCopy:
    """A copy that was left, as the notice's sender sees it.

    Attributes
    ----------
    until : datetime, optional
        Before which it can be appealed; None: it can't, or was.
    appeal : Appeal, optional
        The one that was filed.
    """

    track_id: str
    until: datetime | None = None
    appeal: Appeal | None = None


def tell_due(service: "Service") -> int:
    """Tell the senders of copies that were left an hour ago or more; return how many notices there were."""
    now = service.now()
    query = (
        select(NoticeTrack.notice_id)
        .where(col(NoticeTrack.left_at).is_not(None), col(NoticeTrack.told_at).is_(None))
        .where(setbacks.ready(CHORE, col(NoticeTrack.notice_id), now))
        .group_by(col(NoticeTrack.notice_id))
        .having(func.min(NoticeTrack.left_at) <= now - GATHERED)
    )
    with service.database.reading() as session:
        due = session.exec(query.limit(BATCH)).all()

    def act(notice_id: str) -> None:
        with service.database.transaction() as session:
            _tell(service, session, notice_id)

    return setbacks.each(service, CHORE, due, act)


def _tell(service: "Service", session: Session, notice_id: str) -> None:
    """Write one letter about a notice's copies that its sender was not told of; two workers write one."""
    notice = session.get_one(Notice, notice_id, with_for_update=True, populate_existing=True)
    query = (
        select(NoticeTrack)
        .where(
            NoticeTrack.notice_id == notice_id,
            col(NoticeTrack.left_at).is_not(None),
            col(NoticeTrack.told_at).is_(None),
        )
        .order_by(col(NoticeTrack.track_id))
        .limit(MOST)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    rows = session.exec(query).all()
    if not stay_down.holds(session, notice):
        for row in rows:
            row.left_at = None  # it was given up meanwhile: nothing is left of what it asks for
        return
    gone = _gone(session, rows)
    for row in rows:
        if row.track_id in gone:
            row.state, row.left_at = (
                "gone",
                None,
            )  # whoever put it up took it back: it does not stay
    rows = [row for row in rows if row.track_id not in gone]
    if not rows:
        return
    now = service.now()
    open_ = redress.offered(service, session, notice.tenant_id)
    until = appeals.deadline("complaint-window", now, service.settings.legal_zone).due_at
    for row in rows:
        row.told_at, row.contest_until = now, until if open_ else None
    tell(
        service,
        session,
        notice,
        "notice-copies-left",
        legal_basis=("DSA-16", "DSA-20"),
        work=_work(notice),
        copies=_by_reason(session, notice, rows),
        until=day(service, until, last=True),
        contest=open_,
    )


def _gone(session: Session, rows: Sequence[NoticeTrack]) -> frozenset[str]:
    """Return the ids of the tracks that were withdrawn, or erased, since."""
    query = select(Track.id).where(
        col(Track.id).in_([each.track_id for each in rows]), Track.state == State.WITHDRAWN
    )
    return frozenset(session.exec(query))


def _work(notice: Notice) -> str:
    """Return what the sender said that their work is, in their words."""
    return str(notice.elements.get("work") or notice.elements.get("person") or "")


def _by_reason(
    session: Session, notice: Notice, rows: Sequence[NoticeTrack]
) -> Mapping[str, list[str]]:
    """Return the ids of tracks by the reason for which each was left, in the sender's language."""
    found: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        found[reason_of(session, row, notice.language)].append(row.track_id)
    return found


def reason_of(session: Session, row: NoticeTrack, language: str) -> str:
    """Return in plain words why a copy was left: those of the reason that the reviewer gave."""
    verdict = verdict_on(session, row.case_id)
    if verdict is None:
        return ""
    reason = _template(session, verdict)
    return verdict.text or "" if reason is None else reason.text(language)


def words_of(session: Session, verdict: CaseVerdict, language: str) -> str:
    """Return the same, with what the reviewer added, as it was written."""
    reason = _template(session, verdict)
    if reason is None:
        return verdict.text or ""
    added = (verdict.text or "").removeprefix(reason.text()).strip()
    return " ".join(filter(None, (reason.text(language), added)))


def _template(session: Session, verdict: CaseVerdict) -> reasons.Reason | None:
    try:
        return reasons.find(session, verdict.tenant_id, verdict.reason, verdict.verdict)
    except BadVerdictError:  # the platform gave it up since
        return None


def verdict_on(session: Session, case_id: str | None) -> CaseVerdict | None:
    """Return the verdict by which a copy was left."""
    query = select(CaseVerdict).where(
        CaseVerdict.case_id == case_id, CaseVerdict.state == "applied"
    )
    return session.exec(query.order_by(col(CaseVerdict.id).desc()).limit(1)).first()


def of_notice(service: "Service", session: Session, notice: Notice) -> list[LeftCopy]:
    """Return the copies of a notice that its sender was told of, with their appeals; few queries for all."""
    rows = [
        each
        for each in notice_tracks.of_notice(session, notice.id)
        if each.told_at is not None and each.case_id is not None
    ]
    if not rows:
        return []
    query = select(Appeal).where(
        Appeal.subject_kind == COPY,
        col(Appeal.subject_id).in_([each.case_id for each in rows]),
        Appeal.state != "withdrawn",
    )
    filed = {each.subject_id: each for each in session.exec(query)}
    now, holds, gone = service.now(), stay_down.holds(session, notice), _gone(session, rows)
    copies = []
    for row in rows:
        appeal = filed.get(row.case_id or "")
        until = None
        if appeal is None and holds and row.state == "refused" and row.track_id not in gone:
            until = _until(session, notice, row)
        copies.append(
            LeftCopy(row.track_id, until if until is not None and now < until else None, appeal)
        )
    return copies


def _until(session: Session, notice: Notice, row: NoticeTrack) -> datetime | None:
    if row.told_at is None or row.contest_until is None:
        return None
    subject, window = (COPY, str(row.case_id), None), (row.told_at, row.contest_until)
    return complaint_windows.until(session, notice.tenant_id, subject, window)


def take_down(
    service: "Service", session: Session, notice: Notice, track: Track, actor: appeals.Actor
) -> None:
    """Take a copy down as the notice's own, on appeal; its track is locked, then the notice.

    Raises
    ------
    IllegalTransitionError
        If the notice takes nothing down any more.
    """
    row = session.get_one(NoticeTrack, (notice.id, track.id), with_for_update=True)
    if not stay_down.holds(session, notice):
        raise IllegalTransitionError(
            "the notice holds nothing any more, so no copy is taken down for it: deny the appeal"
        )
    if row.state == "refused":
        journal = matters.actor_of(actor)
        notice_tracks.take_down(service, session, notice, row, track, journal)
