"""What the end of a claim does to its track: the match is exempted, and the rules judge anew.

From the stored evidence, so nothing is decoded again. It may loosen what stood, since the outcome of a
matter orders it; what a person decided for another reason stays, and a person looks at it.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from sqlmodel import Session, select

import policy
from scanner import claims, judgements, rulings
from scanner.clock import new_id
from scanner.errors import ConflictError
from scanner.journal import Actor, Event
from scanner.rulings import By, Ruling
from scanner.tables import Analysis, Claim, MatchExemption, PolicyDecision, Track
from scanner.track_states import State

if TYPE_CHECKING:
    from scanner.service import Service

Ground = tuple[str, str]
"""Kind and id of the matter that ended."""
STANDING: Final = frozenset({State.RELEASED, State.CONDITIONED, State.QUARANTINED, State.BLOCKED})


def exempt(
    service: "Service",
    session: Session,
    claim: Claim,
    ground: Ground,
    *,
    segments: Sequence[tuple[float, float]] = (),
    claimed_in: Sequence[str] = (),
) -> None:
    """Note that a match of a locked track is held against it no more; a repeat changes nothing.

    Parameters
    ----------
    segments : sequence of (start, end)
        Seconds of the track that are free; all, if none are named.
    claimed_in : sequence of str
        Territories where the claim stays.
    """
    query = select(MatchExemption.id).where(
        MatchExemption.track_id == claim.track_id,
        MatchExemption.reference_id == claim.reference_id,
        MatchExemption.ground_kind == ground[0],
        MatchExemption.ground_id == ground[1],
    )
    if session.exec(query).first() is not None:
        return
    session.add(
        MatchExemption(
            id=new_id(),
            tenant_id=claim.tenant_id,
            track_id=claim.track_id,
            reference_id=claim.reference_id,
            ground_kind=ground[0],
            ground_id=ground[1],
            segments=[{"start": start, "end": end} for start, end in segments],
            claimed_in=sorted(claimed_in),
            created_at=service.now(),
        )
    )
    session.flush()


def decide_again(
    service: "Service",
    session: Session,
    track: Track,
    claim: Claim,
    ground: Ground,
    text: str,
    actor: Actor,
    *,
    by: By = "person",
    cause: Event | None = None,
) -> PolicyDecision | None:
    """Let the pack in force judge a locked track's stored evidence anew.

    Returns
    -------
    PolicyDecision or None
        The superseding decision; none where nothing changes or nothing stands yet, or where a person had
        decided for another reason: then a case asks one to look.

    Raises
    ------
    ConflictError
        If a decision on the track is just taking effect.
    """
    if track.state == State.DECIDED:
        raise ConflictError("a decision on the track is taking effect: try again in a moment")
    before = session.get(PolicyDecision, track.decision_id) if track.decision_id else None
    if track.state not in STANDING or before is None or before.analysis_id is None:
        return None
    if not _made_by_rules(before):
        if before.decision != "clear":
            claims.open_case(service, session, track, claim, text)
        return None
    analysis = session.get_one(Analysis, before.analysis_id)
    facts = judgements.facts_about(service, session, track, analysis)
    in_force = service.packs.in_force(session, track.tenant_id, track.id, held=True)
    judged = policy.decide(in_force.pack, facts)
    stored = judgements.decision_row(service, track, analysis, facts, judged, in_force)
    if (stored.outcomes, stored.restrictions) == (before.outcomes, before.restrictions):
        return None
    reason: dict[str, Any] = {
        "rule": f"{ground[0]}.ended",
        "outcome": stored.decision,
        "text": text,
        "legal_basis": ["DSM-17-9"],
    }
    stored.reasons = [reason, *stored.reasons]
    stored.explanation = stored.explanation | {"by": by, "ground": list(ground), "reason": reason}
    stored.ruled_by = by
    if stored.decision == "clear":  # what limits it still was decided by rules (GDPR-22)
        stored.automation = rulings.AUTOMATION[by]
    ruling = Ruling(
        cast(rulings.Outcome, stored.decision),
        str(reason["rule"]),
        text,
        legal_basis=("DSM-17-9",),
        ground=ground,
        by=by,
    )
    return rulings.rule(service, session, track, ruling, actor, cause=cause, judged=stored)


def _made_by_rules(decision: PolicyDecision) -> bool:
    ground = (decision.explanation.get("ground") or [None])[0]
    return decision.ruled_by is None or ground in claims.OWN_GROUNDS
