"""What the end of a claim does to its track: the match is exempted, and the rules judge anew.

From the stored evidence, so nothing is decoded again. It may loosen what stood, since the outcome of a
matter orders it; what a person decided for another reason stays, and a person looks at it.
"""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, select

import policy
from policy.facts import hash_facts
from scanner import claims, judgements, packs_in_force, rulings, strictness
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
    track = session.get_one(Track, claim.track_id)
    exempt_match(
        service,
        session,
        track,
        claim.reference_id,
        ground,
        segments=segments,
        claimed_in=claimed_in,
    )


def exempt_match(
    service: "Service",
    session: Session,
    track: Track,
    reference_id: str,
    ground: Ground,
    *,
    segments: Sequence[tuple[float, float]] = (),
    claimed_in: Sequence[str] = (),
) -> None:
    """`exempt` for a match that nobody claims, or whose claim has ended."""
    query = select(MatchExemption.id).where(
        MatchExemption.track_id == track.id,
        MatchExemption.reference_id == reference_id,
        MatchExemption.ground_kind == ground[0],
        MatchExemption.ground_id == ground[1],
    )
    if session.exec(query).first() is not None:
        return
    session.add(
        MatchExemption(
            id=new_id(),
            tenant_id=track.tenant_id,
            track_id=track.id,
            reference_id=reference_id,
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
        decided for another reason or rules would be stricter now: then a case asks one to look.

    Raises
    ------
    ConflictError
        If a decision on the track is just taking effect.
    """
    refuse_under_way(track)
    before = session.get(PolicyDecision, track.decision_id) if track.decision_id else None
    if track.state not in STANDING or before is None or before.analysis_id is None:
        return None
    ruling = Ruling(
        "clear", f"{ground[0]}.ended", text, legal_basis=("DSM-17-9",), ground=ground, by=by
    )
    own = judgements.made_by_rules(session, before)
    stored = judged_anew(service, session, track, before, ruling) if own else None
    if stored is not None and (stored.outcomes, stored.restrictions) == (
        before.outcomes,
        before.restrictions,
    ):
        return None
    if (
        stored is None
        or (judgements.is_part(session, before) and stored.decision != "clear")
        # the pack has changed meanwhile: people tighten
        or strictness.stricter(stored, before) is not None
    ):
        if before.decision != "clear":
            claims.open_case(service, session, track, claim, text)
        return None
    return rulings.rule(service, session, track, ruling, actor, cause=cause, judged=stored)


def judged_anew(
    service: "Service",
    session: Session,
    track: Track,
    before: PolicyDecision,
    ruling: Ruling,
    *,
    without: Collection[str] = (),
    beside: str | None = None,
) -> PolicyDecision | None:
    """Return what rules say of a track now, given for a ruling's reason; it is not in the database.

    None where nothing was analysed. ``without`` are ids of rules, ``beside`` of a reference, that are not
    to count.
    """
    if before.analysis_id is None:
        return None
    analysis = session.get_one(Analysis, before.analysis_id)
    facts = judgements.facts_about(service, session, track, analysis)
    if beside is not None and isinstance(facts.matches, tuple):
        others = tuple(each for each in facts.matches if each.reference_id != beside)
        facts = facts.model_copy(update={"matches": others})
    by = service.packs.in_force(session, track.tenant_id, track.id, facts=facts, held=True)
    if (told := before.explanation.get(packs_in_force.OVERRULED)) is not None:
        cleared = session.get_one(PolicyDecision, told["by"])
        by = by.without_overruled(session, cleared, told["rules"], facts)
    by = by.less(without)
    judged = policy.decide(by.pack, facts)
    stored = judgements.decision_row(service, track, analysis, facts, judged, by)
    return _given_for(stored, ruling)


def protected(
    service: "Service",
    session: Session,
    track: Track,
    before: PolicyDecision,
    ruling: Ruling,
    *,
    among: Collection[str] | None = None,
) -> PolicyDecision | None:
    """Return what rules about age and consent alone say of a track now; it is not in the database.

    None where they limit nothing: then a ruling may be what it says (COPPA, GDPR-8). With ``among`` only those of
    these ids count.
    """
    if before.analysis_id is None:
        return None
    analysis = session.get_one(Analysis, before.analysis_id)
    facts = judgements.facts_about(service, session, track, analysis)
    by = service.packs.usable(session, track.tenant_id, track.id, facts)
    pack = packs_in_force.protecting_alone(by.pack, among)
    judged = policy.decide(pack, packs_in_force.of_person(facts))
    if judged.decision == "clear":
        return None
    stored = judgements.decision_row(service, track, analysis, facts, judged, by)
    stored.facts_hash = hash_facts(facts)
    return _given_for(stored, ruling)


def _given_for(stored: PolicyDecision, ruling: Ruling) -> PolicyDecision:
    """Let what rules judged be given for a ruling's reason."""
    reason: dict[str, Any] = {
        "rule": ruling.reason,
        "outcome": stored.decision,
        "text": ruling.text,
        "texts": dict(ruling.texts),
        "legal_basis": list(ruling.legal_basis),
    }
    stored.reasons = [reason, *stored.reasons]
    told = {"by": ruling.by, "ground": list(ruling.ground or ()), "reason": reason}
    stored.explanation = stored.explanation | told
    stored.ruled_by = ruling.by
    if stored.decision == "clear":  # what limits it still was decided by rules (GDPR-22)
        stored.automation = rulings.AUTOMATION[ruling.by]
    return stored


def as_it_would_be_now(
    service: "Service", session: Session, track: Track, earlier: PolicyDecision, why: Ruling
) -> PolicyDecision | None:
    """Return what comes back instead of an earlier decision of the rules, since claims have ended meanwhile.

    None where nothing of it has: then it comes back as it was.
    """
    query = select(MatchExemption.id).where(
        MatchExemption.track_id == track.id,
        col(MatchExemption.created_at) >= earlier.created_at,
    )
    ended = session.exec(query.limit(1)).first() is not None
    if not ended or not judgements.made_by_rules(session, earlier):
        return None
    return judged_anew(service, session, track, earlier, why)


def refuse_under_way(track: Track) -> None:
    """Raise ``ConflictError`` if a decision on a track is just taking effect."""
    if track.state == State.DECIDED:
        raise ConflictError("a decision on the track is taking effect: try again in a moment")
