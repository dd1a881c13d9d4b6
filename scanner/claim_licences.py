"""A licence on record ends the claims that it covers."""

from typing import TYPE_CHECKING

from sqlmodel import col, select

from scanner import claim_outcomes, claims, matters
from scanner.bus.dispatch import once
from scanner.errors import ConflictError
from scanner.journal import PIPELINE, Event
from scanner.tables import Claim, Licence
from scanner.track_states import State
from scanner.tracks import locked

if TYPE_CHECKING:
    from scanner.service import Service


def on_granted(service: "Service", event: Event) -> None:
    """Have every track decided on anew that the licensee has and the holder claims.

    The licence exempts the match, where and while it holds; a claim that nothing is left of ends then.
    Each track is a transaction of its own, and a repeat finds nothing left to do.
    """
    tenant_id = event.tenant or ""
    with service.database.reading() as session:
        licence = session.get_one(Licence, event.subject)
        query = select(Claim.id, Claim.track_id).where(
            Claim.tenant_id == tenant_id,
            Claim.holder_id == licence.holder_id,
            col(Claim.state).in_(claims.OPEN),
        )
        if licence.account_id is not None:
            query = query.where(Claim.account_id == licence.account_id)
        if licence.reference_id is not None:
            query = query.where(Claim.reference_id == licence.reference_id)
        covered = session.exec(query.order_by(col(Claim.id))).all()
    for claim_id, track_id in covered:
        with service.database.transaction() as session:
            track = locked(session, tenant_id, track_id)
            claim = matters.locked(session, Claim, tenant_id, claim_id)
            if track.state == State.DECIDED:
                raise ConflictError("a decision on the track is taking effect: try again")
            if claim.state not in claims.OPEN:
                continue
            own = ("licence", licence.id)
            text = "A licence of the holder is on record."
            claim_outcomes.decide_again(
                service, session, track, claim, own, text, PIPELINE, by="law", cause=event
            )
            if _is_covered(licence):
                claims.end(service, session, claim, matters.CLOCK, "licence", cause=event)
    with once(service, claims.GROUP, event):
        return


def _is_covered(licence: Licence) -> bool:
    """Whether nothing is left to claim: the licence holds everywhere and has no end."""
    return not licence.territories and licence.valid_to is None and licence.valid_from is None
