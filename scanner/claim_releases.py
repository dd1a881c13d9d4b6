"""A holder gives a claim up by themselves, without any dispute."""

from typing import TYPE_CHECKING

from scanner import claim_outcomes, claim_views, claims, matters, parties
from scanner.callers import Caller
from scanner.tables import Claim
from scanner.tracks import locked

if TYPE_CHECKING:
    from scanner.service import Service


def release(service: "Service", caller: Caller, claim_id: str) -> Claim:
    """Release a claim for its holder; the match is exempted in this track for good.

    Raises
    ------
    NotFoundError
        If it is not a claim of the caller's.
    appeals.IllegalTransitionError
        If it was released or escalated before.
    """
    with service.database.transaction() as session:
        seen = claim_views.find(session, caller, claim_id)
        actor = parties.claimant(caller, seen.holder_id)
        track = locked(session, caller.tenant_id, seen.track_id)
        claim = matters.locked(session, Claim, caller.tenant_id, claim_id)
        claims.end(service, session, claim, actor, "holder")
        own = ("claim", claim.id)
        claim_outcomes.exempt(service, session, claim, own)
        text = "Its holder released the claim."
        claim_outcomes.decide_again(
            service, session, track, claim, own, text, matters.actor_of(actor)
        )
        return claim
