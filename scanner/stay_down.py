"""Stay-down: copies of a work whose notice was acted on, stored ones and new ones, go before a person.

Nothing that is found so is taken down by rules (DSM-17-9): each copy gets a case, and many of one
recording can be decided at once. Of one that is left the notice's sender is told, and can appeal it
(`scanner/left_copies.py`).
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, select

import appeals
from scanner import illegal_uploads, matters, notice_tracks
from scanner.bus.dispatch import once
from scanner.database import Database
from scanner.journal import Event
from scanner.notice_cases import open_case
from scanner.notice_tracks import GROUP
from scanner.tables import Case, Notice, NoticeTrack, RetroMatch, Track, TrackMatch
from scanner.track_states import State
from scanner.tracks import locked

if TYPE_CHECKING:
    from scanner.notice_verdicts import Verdict
    from scanner.service import Service


MOST: Final = 200
"""Copies that are put before people in one transaction."""
GOES_ON: Final = timedelta(days=7)
"""Of notices of which a copy was found so lately the rest is looked for."""


def holds(session: Session, notice: Notice) -> bool:
    """Whether copies of a notice's work are looked for: it was acted on, and nobody took that back.

    A counter-notice frees its own track; the notice looks on while another that it names is down (DMCA-R).
    """
    if notice.remedy is None or notice.state not in {"actioned", "countered", "closed"}:
        return False
    rows = notice_tracks.of_notice(session, notice.id)
    freed = any(each.origin == "named" and each.state == "restored" for each in rows)
    down = any(each.origin == "named" and each.state in notice_tracks.HOLDING for each in rows)
    return down or not freed


def find_stored(service: "Service", session: Session, notice: Notice, *, most: int = MOST) -> int:
    """Put the stored copies of a locked notice's work before a person; return how many are new.

    So many at once: `find_more` goes on with the rest, lest one decision hold its locks for long.
    """
    if notice.reference_id is None or not holds(session, notice):
        return 0
    before = select(NoticeTrack.track_id).where(
        NoticeTrack.notice_id == notice.id, NoticeTrack.state == "found"
    )
    found = {*session.exec(before), *_copies(session, notice, most)}
    return sum(_ask(service, session, notice, track_id) for track_id in sorted(found))


def find_more(service: "Service", *, most: int = MOST) -> int:
    """Go on where a decision found more stored copies than it put before people at once."""
    since = service.now() - GOES_ON
    lately = select(NoticeTrack.notice_id).where(
        NoticeTrack.origin == "found", NoticeTrack.created_at > since
    )
    with service.database.reading() as session:
        query = select(Notice).where(col(Notice.id).in_(lately)).order_by(col(Notice.id))
        left = [
            each
            for each in session.exec(query)
            if holds(session, each) and _copies(session, each, 1)
        ]
    done = 0
    for each in left:
        with service.database.transaction() as session:
            notice = matters.locked(session, Notice, each.tenant_id, each.id)
            if holds(session, notice):
                for track_id in _copies(session, notice, most):
                    done += _ask(service, session, notice, track_id)
    return done


def _copies(session: Session, notice: Notice, most: int) -> list[str]:
    """Return tracks in which a notice's work was found and about which nobody was asked yet."""
    known = select(NoticeTrack.track_id).where(NoticeTrack.notice_id == notice.id)
    open_ = (
        Track.tenant_id == notice.tenant_id,
        Track.state != State.WITHDRAWN,
        col(Track.id).not_in(known),
    )
    matched = (
        select(Track.id)
        .join(TrackMatch, col(TrackMatch.analysis_id) == col(Track.analysis_id))
        .where(*open_, TrackMatch.reference_id == notice.reference_id)
    )
    later = (
        select(Track.id)
        .join(RetroMatch, col(RetroMatch.track_id) == col(Track.id))
        .where(*open_, RetroMatch.reference_id == notice.reference_id)
    )
    found = {
        track_id
        for query in (matched, later)
        for track_id in session.exec(query.distinct().order_by(col(Track.id)).limit(most))
    }
    return sorted(found)[:most]


def watch(service: "Service", event: Event) -> None:
    """Put a track in which the work of a notice was found before a person."""
    with service.database.reading() as session:
        references = _references(session, event)
        ids = session.exec(_noticed(event.tenant, references)).all() if references else []
    with once(service, GROUP, event) as session:
        if not ids:
            return
        track = locked(session, event.tenant or "", event.subject)
        if track.state == State.WITHDRAWN:
            return
        # Locked, so that one who is just deciding is waited for: their look at stored copies came too
        # early for this one.
        query = _whole(event.tenant, references).with_for_update()
        for notice in session.exec(query):
            if holds(session, notice):
                _ask(service, session, notice, track.id, event)


def apply(
    service: "Service", session: Session, case: Case, verdict: "Verdict", actor: appeals.Actor
) -> None:
    """Give a verdict on a copy its effect: taken down as the notice's own tracks, or left."""
    track = locked(session, case.tenant_id, case.track_id or "")
    notice = matters.locked(session, Notice, case.tenant_id, case.matter_id or "")
    row = session.get_one(NoticeTrack, (notice.id, track.id), with_for_update=True)
    if row.state != "found":
        return
    if verdict.verdict != "block" or not holds(session, notice):
        row.state = "refused"
        if verdict.verdict != "block" and holds(session, notice):
            row.left_at = service.now()  # the sender is told (`scanner/left_copies.py`)
        return
    notice_tracks.take_down(
        service, session, notice, row, track, matters.actor_of(actor), keep_case=case.id
    )
    illegal_uploads.weigh(service, session, notice, [track])


def _ask(
    service: "Service", session: Session, notice: Notice, track_id: str, cause: Event | None = None
) -> bool:
    row = session.get(NoticeTrack, (notice.id, track_id))
    if row is None:
        new = NoticeTrack(
            notice_id=notice.id,
            track_id=track_id,
            tenant_id=notice.tenant_id,
            origin="found",
            state="found",
            created_at=service.now(),
        )
        Database.insert_if_absent(session, new)
        row = session.get_one(NoticeTrack, (notice.id, track_id), with_for_update=True)
    if row.state != "found" or _is_open(session, row.case_id):
        return False
    text = "The work of a notice that was acted on was found in this track."
    reasons = [{"rule": "notice.stay-down", "text": text, "reference_id": notice.reference_id}]
    row.case_id = open_case(
        service, session, notice, "stay_down", reasons, track_id=track_id, cause=cause
    ).id
    return True


def _is_open(session: Session, case_id: str | None) -> bool:
    case = session.get(Case, case_id) if case_id else None
    return case is not None and case.closed_at is None


def _references(session: Session, event: Event) -> list[str]:
    if "reference_ids" in event.data:
        return list(event.data["reference_ids"])
    query = select(TrackMatch.reference_id).where(
        TrackMatch.analysis_id == event.data["analysis_id"]
    )
    return list(session.exec(query.distinct()))


def _whole(tenant_id: str | None, references: Iterable[str]) -> Any:
    return (
        select(Notice)
        .where(Notice.tenant_id == tenant_id, col(Notice.reference_id).in_(list(references)))
        .order_by(col(Notice.id))
        .execution_options(populate_existing=True)
    )


def _noticed(tenant_id: str | None, references: Iterable[str]) -> Any:
    return select(Notice.id).where(
        Notice.tenant_id == tenant_id, col(Notice.reference_id).in_(list(references))
    )
