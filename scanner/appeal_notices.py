"""What appeals do to notices: one is acted on after all, or does more, or lets a track go (DSA-20)."""

from typing import TYPE_CHECKING

from sqlmodel import Session

import appeals
from scanner import (
    appeal_parts,
    flaggers,
    matters,
    notice_layers,
    notice_tracks,
    stay_down,
    strikes,
)
from scanner.tables import Notice, PolicyDecision, Track

if TYPE_CHECKING:
    from scanner.service import Service


def act(
    service: "Service",
    session: Session,
    notice: Notice,
    reason: str,
    remedy: tuple[str, list[str]],
    actor: appeals.Actor,
) -> None:
    """Act on a refused notice that is locked after its tracks, as on one that was upheld at once (DSA-20b)."""
    rows = notice_tracks.of_notice(session, notice.id, "refused")
    tracks = notice_tracks.lock_all(session, rows)
    notice.reason, (notice.remedy, notice.territories) = reason, remedy
    detail = {"remedy": notice.remedy, "tracks": sorted(tracks)}
    matters.move(
        service, session, notice, "reverse", actor, parts={"reason": reason}, detail=detail
    )
    for row in rows:
        track = tracks[row.track_id]
        notice_tracks.take_down(service, session, notice, row, track, matters.actor_of(actor))
    stay_down.find_stored(service, session, notice)
    flaggers.judge(service, session, notice)


def widen(
    service: "Service",
    session: Session,
    notice: Notice,
    reason: str,
    remedy: tuple[str, list[str]],
    actor: appeals.Actor,
) -> None:
    """Do more to what a locked notice holds than was done first (DSA-20).

    What an appeal of its uploader left of it, or gave back, stays so.

    Raises
    ------
    BadAppealError
        If it is no more.
    IllegalTransitionError
        If a decision on a track is just taking effect: it works a moment later.
    """
    appeal_parts.refuse_less(remedy, (notice.remedy or "", notice.territories))
    rows = notice_tracks.of_notice(session, notice.id, *notice_tracks.HOLDING)
    tracks = notice_tracks.lock_all(session, rows)
    notice.reason, (notice.remedy, notice.territories) = reason, remedy
    detail = {"remedy": notice.remedy, "tracks": sorted(tracks)}
    parts = {"reason": reason}
    matters.move(service, session, notice, "widen", actor, parts=parts, detail=detail)
    journal = matters.actor_of(actor)
    for row in rows:
        if notice_tracks.left_of(session, row) is None:
            notice_layers.lay_anew(service, session, notice, row, tracks[row.track_id], journal)
    stay_down.find_stored(service, session, notice)
    flaggers.judge(service, session, notice)


def let_go(
    service: "Service",
    session: Session,
    track: Track,
    contested: PolicyDecision,
    actor: appeals.Actor,
    *,
    stands: bool,
) -> None:
    """Let the notices behind a decision that fell hold its locked track no more, and their strikes fall.

    Parameters
    ----------
    stands : bool
        The contested decision was in force; else a newer one is, and keeps what it rests on. A notice
        that had no part in the contested one holds the track on.
    """
    ground = notice_tracks.ground_of(contested)
    for row in notice_tracks.holding(session, track.id):
        if ground != [Notice.KIND, row.notice_id]:
            continue
        if not stands:
            notice = session.get_one(Notice, row.notice_id)
            journal = matters.actor_of(actor)
            notice_layers.hand_on(service, session, notice, row, track, journal)
        row.state = "restored"
        strikes.fall(service, session, row, track.account_id, "appeal granted", actor)
