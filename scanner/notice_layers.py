"""Notices among the other blocks of a track: laid again when rules decide anew, taken out from under what came later.

What else holds the track, another notice or a complaint about a presumed use, holds it on, and no more than by itself.
"""

from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, select

from scanner import claim_outcomes, events, illegal_uploads, presumed_blocks, rulings
from scanner.bus.dispatch import once
from scanner.errors import IllegalTransitionError
from scanner.journal import PIPELINE, Actor, Event
from scanner.notice_tracks import GROUP, HOLDING, LEFT, RULABLE, ground_of, rest_on, take_down
from scanner.rulings import Ruling
from scanner.tables import Notice, NoticeTrack, PolicyDecision, Track
from scanner.track_states import State
from scanner.tracks import locked
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service


def put_back(
    service: "Service",
    session: Session,
    notice: Notice,
    row: NoticeTrack,
    track: Track,
    actor: Actor,
    why: Ruling,
) -> bool:
    """Bring a locked track back to what it was before a notice.

    Returns
    -------
    bool
        False if nothing had been done to it yet, or something newer holds it.

    Raises
    ------
    IllegalTransitionError
        If a decision on the track is just taking effect: it works a moment later.
    """
    if row.state == "waiting":
        row.state = "restored"
        return False
    if row.state != "actioned" or row.prior_decision_id is None:
        return False
    present = session.get_one(PolicyDecision, track.decision_id)
    ours = ground_of(present) == [Notice.KIND, notice.id]
    if not ours:
        hand_on(service, session, notice, row, track, actor)
    elif track.state != State.WITHDRAWN:
        if track.state not in RULABLE:
            raise IllegalTransitionError(
                Told(
                    "the track is %(state)s: a decision takes effect just now; try again in "
                    "a moment",
                    state=track.state,
                )
            )
        earlier = session.get_one(PolicyDecision, row.prior_decision_id)
        now = claim_outcomes.as_it_would_be_now(service, session, track, earlier, why)
        stored = rulings.restore(service, session, track, earlier, why, actor, judged=now)
        # It stands on what the earlier one stood on: another notice, perhaps, that still holds.
        rest_on(stored, ground_of(earlier), earlier.explanation.get(LEFT))
    row.state = "restored"
    return ours


def hand_on(
    service: "Service",
    session: Session,
    notice: Notice,
    row: NoticeTrack,
    track: Track,
    actor: Actor,
) -> None:
    """Let what came on top of a notice that falls do no more than it does by itself, and rest on what was before."""
    ground = (notice.KIND, notice.id)
    presumed_blocks.hand_on(service, session, track, ground, row.prior_decision_id, actor)


def lay_anew(
    service: "Service",
    session: Session,
    notice: Notice,
    row: NoticeTrack,
    track: Track,
    actor: Actor,
) -> None:
    """Do to a locked track what a notice does by now; it falls back to what was before the notice still.

    Raises
    ------
    IllegalTransitionError
        If a decision on the track is just taking effect: it works a moment later.
    """
    if row.state == "actioned" and track.state != State.WITHDRAWN:
        if track.state not in RULABLE:
            raise IllegalTransitionError(
                Told(
                    "the track is %(state)s: a decision takes effect just now; try again in a moment",
                    state=track.state,
                )
            )
        present = session.get_one(PolicyDecision, track.decision_id)
        if ground_of(present) != [Notice.KIND, notice.id]:
            hand_on(service, session, notice, row, track, actor)  # then it comes on top of the rest
    take_down(service, session, notice, row, track, actor)


def settle(service: "Service", event: Event) -> None:
    """Act on a track that a notice waited for, or that rules let out again; keep its statement's id."""
    with service.database.reading() as session:
        concerned = session.exec(_of_track(event.subject)).all()
    if not concerned:
        with once(service, GROUP, event):
            return
    with once(service, GROUP, event) as session:
        track = locked(session, event.tenant or "", event.subject)
        acted_on: Notice | None = None
        for row in session.exec(_of_track(track.id)):
            notice = session.get_one(
                Notice, row.notice_id, with_for_update=True, populate_existing=True
            )
            session.refresh(row)
            decision = session.get(PolicyDecision, track.decision_id or "")
            if decision is None or row.state not in HOLDING:
                continue
            if ground_of(decision) == [Notice.KIND, notice.id]:
                if event.data.get("decision_id") == decision.id:
                    row.statement_id = event.data.get("statement_id")
            elif row.state == "waiting" or _is_lost(session, decision, notice):
                waited = row.state == "waiting"
                take_down(service, session, notice, row, track, PIPELINE, cause=event)
                if waited and row.state == "actioned":
                    acted_on = notice
        if acted_on is not None:
            illegal_uploads.weigh(service, session, acted_on, [track])


def _is_lost(session: Session, decision: PolicyDecision, notice: Notice) -> bool:
    """Whether rules decided anew without a notice, whatever else was laid on that since; a person's decision ends that."""
    seen: set[str] = set()
    found: PolicyDecision | None = decision
    while found is not None and found.id not in seen:
        seen.add(found.id)
        ground = ground_of(found)
        if ground == [notice.KIND, notice.id]:
            return False
        if ground[:1] not in presumed_blocks.ON_TOP:
            return found.ruled_by is None
        found = presumed_blocks.before(session, found)
    return False


def _of_track(track_id: str) -> Any:
    return (
        select(NoticeTrack)
        .where(NoticeTrack.track_id == track_id, col(NoticeTrack.state).in_(HOLDING))
        .order_by(col(NoticeTrack.notice_id))
    )


SETTLED: Final = (
    events.TrackReleased,
    events.TrackConditioned,
    events.TrackQuarantined,
    events.TrackBlocked,
)
"""After which of a track's events `settle` looks."""
