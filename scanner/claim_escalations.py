"""A claim that its holder took to a notice ends with that notice, if the notice comes to nothing.

Without this the track of a creator whom a notice did not hit would stay claimed, with nobody left to free it.
"""

from typing import TYPE_CHECKING, Final

from sqlmodel import Session, col, select

from scanner import claim_outcomes, claims, counter_notices, matters
from scanner.bus.dispatch import once
from scanner.dispute_appeals import PENDING
from scanner.journal import Event
from scanner.matter_events import MATTER_EVENTS
from scanner.rulings import By
from scanner.tables import (
    Appeal,
    Claim,
    CounterNotice,
    JournalRow,
    Notice,
    NoticeTrack,
    Track,
)
from scanner.tracks import locked

if TYPE_CHECKING:
    from scanner.service import Service

GROUND: Final = "notice"
OVER: Final = {
    "refused": "The notice that the claim became was refused.",
    "lapsed": "The notice that the claim became was never completed.",
    "retracted": "The notice that the claim became was taken back.",
    "countered": "The notice that the claim became was answered by a counter-notice, and no action was on file.",
}
"""States in which a notice keeps nothing down, and what is told of the claim then."""
FREED: Final = frozenset({"restored", "refused"})
"""States of a notice's track in which the notice does nothing to it any more."""
SETTLING: Final = (
    ("notice", "closed"),
    ("counter_notice", "restored"),
    ("counter_notice", "withdrawn"),
    ("counter_notice", "lapsed"),
    *(("appeal", each) for each in ("denied", "partly", "outcome_recorded", "withdrawn", "closed")),
)
"""After what `settle` looks: kinds of matters, with their states."""


def on_notice_over(service: "Service", event: Event) -> None:
    """Release the claims that went to a notice which came to nothing, and what they did to their tracks."""
    with once(service, claims.GROUP, event) as session:
        notice = session.get(Notice, event.subject)
        if notice is not None and notice.state in OVER:
            for claim_id, track_id in _escalated(session, notice):
                _release(service, session, notice, claim_id, track_id, event)


def free(
    service: "Service", session: Session, track: Track, notice_id: str, ground: tuple[str, str]
) -> None:
    """Release the claims that became a notice which an appeal freed a locked track of."""
    notice = session.get_one(Notice, notice_id)
    for claim_id, track_id in _escalated(session, notice):
        if track_id == track.id:
            claim = matters.locked(session, Claim, notice.tenant_id, claim_id)
            claims.end(service, session, claim, matters.CLOCK, "appeal")
            claim_outcomes.exempt(service, session, claim, ground)


def settle(service: "Service", event: Event) -> None:
    """Say whose the held money is once the notice that a claim became can't be contested any more.

    The holder's, if it still keeps the track down; the creator's, with the claim's end, if it was freed. As
    long as an appeal or a counter-notice about the track is open the money is held.
    """
    with once(service, claims.GROUP, event) as session:
        for claim_id, track_id in _concerned(session, event):
            track = locked(session, event.tenant or "", track_id)
            claim = matters.locked(session, Claim, track.tenant_id, claim_id)
            row = _notice_of(session, claim)
            if claim.state != "escalated" or row is None:
                continue
            notice = session.get_one(Notice, row.notice_id)
            if row.state in FREED:
                _release(service, session, notice, claim_id, track_id, event)
            elif notice.state == "closed" and not _is_argued(session, claim):
                _pay(service, session, notice, claim, event)


def _concerned(session: Session, event: Event) -> list[tuple[str, str]]:
    """Return the escalated claims, with their tracks, that something which ended may have settled."""
    notice = session.get(Notice, event.subject)
    if notice is not None:
        return _escalated(session, notice)
    query = select(Claim.id, Claim.track_id).where(
        Claim.tenant_id == event.tenant,
        Claim.state == "escalated",
        Claim.track_id == event.data["track_id"],
    )
    return list(session.exec(query.order_by(col(Claim.id))))


def _notice_of(session: Session, claim: Claim) -> NoticeTrack | None:
    """Return the newest notice that a claim became, with what it does to the claim's track."""
    query = (
        select(NoticeTrack)
        .join(Notice, col(Notice.id) == col(NoticeTrack.notice_id))
        .where(
            NoticeTrack.track_id == claim.track_id,
            Notice.holder_id == claim.holder_id,
            Notice.reference_id == claim.reference_id,
        )
    )
    return session.exec(query.order_by(col(Notice.id).desc()).limit(1)).first()


def _is_argued(session: Session, claim: Claim) -> bool:
    appealed = select(Appeal.id).where(
        Appeal.track_id == claim.track_id, col(Appeal.state).in_((*PENDING, "out_of_court"))
    )
    countered = select(CounterNotice.id).where(
        CounterNotice.track_id == claim.track_id, col(CounterNotice.state).in_(counter_notices.OPEN)
    )
    return any(session.exec(each.limit(1)).first() for each in (appealed, countered))


def _pay(service: "Service", session: Session, notice: Notice, claim: Claim, event: Event) -> None:
    """Tell, once, that the holder gets what was held."""
    paid = select(JournalRow.data).where(
        JournalRow.subject == claim.id,
        JournalRow.type == MATTER_EVENTS[Claim.KIND, "escalated"].type,
    )
    if claim.remedy == "monetise" and all(each["action"] != "pay" for each in session.exec(paid)):
        detail = {"notice_id": notice.id} | claims.money(claim, "holder")
        parts = {"notice": notice.id}
        matters.move(
            service, session, claim, "pay", matters.CLOCK, parts=parts, detail=detail, cause=event
        )


def _escalated(session: Session, notice: Notice) -> list[tuple[str, str]]:
    named = select(NoticeTrack.track_id).where(NoticeTrack.notice_id == notice.id)
    query = select(Claim.id, Claim.track_id).where(
        Claim.tenant_id == notice.tenant_id,
        Claim.state == "escalated",
        Claim.holder_id == notice.holder_id,
        Claim.reference_id == notice.reference_id,
        col(Claim.track_id).in_(named),
    )
    return list(session.exec(query.order_by(col(Claim.track_id))))


def _release(
    service: "Service",
    session: Session,
    notice: Notice,
    claim_id: str,
    track_id: str,
    event: Event,
) -> None:
    track = locked(session, notice.tenant_id, track_id)
    claim = matters.locked(session, Claim, notice.tenant_id, claim_id)
    if claim.state != "escalated":
        return
    by: By = "law" if notice.state == "lapsed" else "person"
    claims.end(service, session, claim, matters.CLOCK, GROUND, cause=event)
    own = ("claim", claim.id)
    claim_outcomes.exempt(service, session, claim, own)
    claim_outcomes.decide_again(
        service,
        session,
        track,
        claim,
        own,
        OVER.get(notice.state, "The notice that the claim became keeps the track no more."),
        matters.actor_of(matters.CLOCK),
        by=by,
        cause=event,
    )
