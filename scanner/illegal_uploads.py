"""What an account uploaded and people took down for a notice, counted; where it is frequent one is asked what to do (DSA-23).

A track counts as long as a notice holds it, once: what came back by a counter-notice or an appeal counts no more, and what
only got a label never did. Whether it was manifestly illegal is for the person who is asked; nobody is warned or suspended by a count.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy import case
from sqlmodel import Session, col, func, select

from appeals.standing import Submissions
from scanner import misuse
from scanner.notice_cases import open_case
from scanner.notice_senders import COPY, Party, notice_of_copy
from scanner.sanctions import What
from scanner.tables import Appeal, Notice, NoticeTrack, Track

if TYPE_CHECKING:
    from scanner.service import Service

WHAT: Final[What] = "uploads"
GRAVE: Final = "threat"
"""Form of notices of a threat to life or safety (DSA-18)."""
LABEL: Final = "label"
FOUND: Final = "taken down after notices"


def weigh(service: "Service", session: Session, notice: Notice, tracks: Iterable[Track]) -> None:
    """Ask a person to warn or suspend accounts whose tracks were taken down too often; the last lock of a transaction."""
    accounts = sorted({track.account_id for track in tracks if track.account_id is not None})
    if not accounts:
        return
    session.flush()
    misuse.one_at_a_time(session, notice.tenant_id)
    for account_id in accounts:
        now = service.now()
        party, sent = sent_by(session, notice.tenant_id, account_id, now)
        reason = misuse.reason(session, notice.tenant_id, party, WHAT, sent, now, found=FOUND)
        if reason is not None:
            open_case(service, session, notice, "misuse", [reason])


def weigh_upheld(service: "Service", session: Session, appeal: Appeal) -> None:
    """Do so where an appeal had a notice acted on that was refused, or a copy taken down that was left (DSA-20)."""
    if appeal.subject_kind == COPY:
        if appeal.outcome_kind == "granted":
            notice = notice_of_copy(session, appeal.subject_id)
            weigh(service, session, notice, [session.get_one(Track, appeal.track_id)])
        return
    if appeal.subject_kind != Notice.KIND:
        return
    session.flush()
    held = (NoticeTrack.notice_id == appeal.subject_id, NoticeTrack.state == "actioned")
    query = select(Track).join(NoticeTrack, col(NoticeTrack.track_id) == col(Track.id))
    notice = session.get_one(Notice, appeal.subject_id)
    weigh(service, session, notice, session.exec(query.where(*held)))


def sent_by(
    session: Session, tenant_id: str, account_id: str, now: datetime
) -> tuple[Party, Submissions]:
    """Return how many tracks that an account uploaded lately were decided on, and how many of them notices hold."""
    own = (
        Track.tenant_id == tenant_id,
        Track.account_id == account_id,
        col(Track.created_at) > misuse.since(now),
    )
    total = select(func.count()).where(*own, col(Track.decision_id).is_not(None))
    held = (
        select(Track.id, func.max(case((col(Notice.form) == GRAVE, 1), else_=0)))
        .join(NoticeTrack, col(NoticeTrack.track_id) == col(Track.id))
        .join(Notice, col(Notice.id) == col(NoticeTrack.notice_id))
        .where(
            *own,
            NoticeTrack.state == "actioned",
            func.coalesce(Notice.remedy, "") != LABEL,
        )
        .group_by(col(Track.id))
    )
    found = session.exec(held).all()
    grave = sum(bool(is_grave) for _, is_grave in found)
    sent = Submissions(
        total=session.exec(total).one(),
        unfounded=len(found),
        gravity="grave" if grave else "minor",
        grave=grave,
    )
    return Party("account", account_id), sent
