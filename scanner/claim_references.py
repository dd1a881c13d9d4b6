"""What becomes of claims whose reference is retired, or of which a part turns out not to be its holder's."""

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, select

from scanner import claim_outcomes, claims, matters
from scanner.bus.dispatch import AlreadyHandledError, once
from scanner.journal import PIPELINE, Event
from scanner.tables import Claim, Track
from scanner.tracks import locked

if TYPE_CHECKING:
    from scanner.service import Service

RETIRED: Final = "reference-retired"


def on_retired(service: "Service", event: Event) -> None:
    """End every open claim of a reference that is found no more; its tracks are decided on anew."""
    for claim_id, track_id in _open(service, event):
        with service.database.transaction() as session:
            track, claim = _locked(session, event, claim_id, track_id)
            if claim.state not in claims.OPEN:
                continue
            own = ("reference", event.subject)
            claim_outcomes.exempt(service, session, claim, own)
            _decide(service, session, track, claim, "The reference that it is about was retired.")
            claims.end(service, session, claim, matters.CLOCK, RETIRED, cause=event)
    with once(service, claims.GROUP, event):
        return


def on_excluded(service: "Service", event: Event) -> None:
    """Decide on tracks anew of which a part was claimed that is not the holder's; what rests on it alone ends."""
    part = (float(event.data["start_s"]), float(event.data["end_s"]))
    for claim_id, track_id in _open(service, event):
        with suppress(AlreadyHandledError), once(service, claims.GROUP, event, claim_id) as session:
            track, claim = _locked(session, event, claim_id, track_id)
            if claim.state not in claims.OPEN or not _touches(claim.segments, *part):
                continue
            text = "A part of the reference that it is about is not its holder's."
            _decide(service, session, track, claim, text)
            if claims.is_gone(session, claim, track.analysis_id):
                claims.end(service, session, claim, matters.CLOCK, claims.GONE, cause=event)
    with once(service, claims.GROUP, event):
        return


def _decide(service: "Service", session: Session, track: Track, claim: Claim, text: str) -> None:
    own = ("claim", claim.id)
    claim_outcomes.decide_again(service, session, track, claim, own, text, PIPELINE, by="law")


def _open(service: "Service", event: Event) -> Sequence[tuple[str, str]]:
    query = select(Claim.id, Claim.track_id).where(
        Claim.tenant_id == (event.tenant or ""),
        Claim.reference_id == event.subject,
        col(Claim.state).in_(claims.OPEN),
    )
    with service.database.reading() as session:
        return session.exec(query.order_by(col(Claim.id))).all()


def _locked(session: Session, event: Event, claim_id: str, track_id: str) -> tuple[Track, Claim]:
    track = locked(session, event.tenant or "", track_id)
    return track, matters.locked(session, Claim, track.tenant_id, claim_id)


def _touches(segments: Sequence[dict[str, Any]], start_s: float, end_s: float) -> bool:
    return any(
        each["reference_start"] < end_s and each["reference_end"] > start_s for each in segments
    )
