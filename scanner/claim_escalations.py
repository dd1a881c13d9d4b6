"""A claim that its holder took to a notice ends with that notice, if the notice comes to nothing.

Without this the track of a creator whom a notice did not hit would stay claimed, with nobody left to free it.
"""

from typing import TYPE_CHECKING, Final

from sqlmodel import Session, col, select

from scanner import claim_outcomes, claims, matters
from scanner.bus.dispatch import once
from scanner.journal import Event
from scanner.rulings import By
from scanner.tables import Claim, Notice, NoticeTrack
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


def on_notice_over(service: "Service", event: Event) -> None:
    """Release the claims that went to a notice which came to nothing, and what they did to their tracks."""
    with once(service, claims.GROUP, event) as session:
        notice = session.get(Notice, event.subject)
        if notice is not None and notice.state in OVER:
            for claim_id, track_id in _escalated(session, notice):
                _release(service, session, notice, claim_id, track_id, event)


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
        OVER[notice.state],
        matters.actor_of(matters.CLOCK),
        by=by,
        cause=event,
    )
