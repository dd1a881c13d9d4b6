"""What a decision by which rules tighten keeps of what stood before it: all that a person or a matter limits.

A notice, or a complaint about a presumed use, goes on holding the track: the new decision rests on it as the one
before did, and what the track falls back to without it is judged anew as well.
"""

from collections.abc import Callable

from sqlmodel import Session

import policy
from scanner import judgements, notice_tracks
from scanner.judgements import LIMITING
from scanner.notice_tracks import ground_of
from scanner.packs_in_force import KEEPS, OVERRULED, protecting
from scanner.presumed_blocks import before, holder
from scanner.tables import PolicyDecision, PresumedUse


def keeping(
    session: Session, stands: PolicyDecision, judged: Callable[[], PolicyDecision]
) -> PolicyDecision:
    """Return what rules judge now with what stays of a decision that stands; it is not in the database.

    Parameters
    ----------
    judged : callable
        Makes a row of what rules say, by itself.
    """
    held = session.get(PolicyDecision, stands.explanation.get(KEEPS, ""))
    matter = holder(session, stands)
    prior = before(session, stands) if matter is not None else None
    if matter is not None and prior is not None and prior.id != stands.id:
        below = keeping(session, prior, judged)
        session.add(below)
        session.flush()
        stored = merged(judged(), held or stands)
        notice_tracks.rest_on(stored, ground_of(stands), stands.explanation.get(notice_tracks.LEFT))
        stored.supersedes = matter.prior_decision_id = below.id
        if isinstance(matter, PresumedUse):
            matter.decision_id = stored.id
        return stored
    kept = held or (stands if _is_a_persons(session, stands) else None)
    return judged() if kept is None else merged(judged(), kept)


def overruled(
    session: Session, stands: PolicyDecision, pack: policy.Pack, facts: policy.Facts
) -> tuple[PolicyDecision, frozenset[str]] | None:
    """Return what a person set aside of what rules say when they cleared a track, or limited it less, with their decision.

    It does not come back with what rules tighten, no more than what fell on appeal; a notice or a complaint on top of it
    changes nothing of that. Rules that protect a child are never set aside (COPPA, GDPR-8).
    """
    seen: set[str] = set()
    while stands.id not in seen and OVERRULED not in stands.explanation:
        seen.add(stands.id)
        if holder(session, stands) is not None:
            stands = before(session, stands) or stands
    if (told := stands.explanation.get(OVERRULED)) is not None:
        return session.get_one(PolicyDecision, told["by"]), frozenset(told["rules"])
    if judgements.is_judged(stands) or not (
        stands.decision == "clear" or _is_a_persons(session, stands)
    ):
        return None
    rules = set_aside(pack, facts, stands.decision)
    return (stands, rules) if rules else None


def set_aside(pack: policy.Pack, facts: policy.Facts, left: str = "clear") -> frozenset[str]:
    """Return the ids of the rules that limit a track by more than is left of that by a person who decides on it."""
    judged = policy.decide(pack, facts)
    limits = (each for each in judged.reasons if each.outcome in LIMITING)
    said = frozenset(
        each.rule for each in limits if policy.SEVERITY[each.outcome] > policy.SEVERITY[left]
    )
    return said.intersection(each.id for each in pack.decisions) - protecting(pack)


def _is_a_persons(session: Session, stands: PolicyDecision) -> bool:
    """Whether somebody limited a track by more than rules had, or left a part of that."""
    made_by_rules = judgements.made_by_rules(session, stands)
    return stands.decision != "clear" and (not made_by_rules or judgements.is_part(session, stands))


def merged(stored: PolicyDecision, kept: PolicyDecision) -> PolicyDecision:
    """Return a new decision, stricter by what another one limits."""
    places = {*stored.outcomes, *kept.outcomes}
    stored.outcomes = {place: _strictest(place, stored, kept) for place in sorted(places)}
    stored.restrictions = [
        *stored.restrictions,
        *(each for each in kept.restrictions if each not in stored.restrictions),
    ]
    stored.reasons = [*stored.reasons, *kept.reasons]
    stored.decision = max(stored.decision, kept.decision, key=policy.SEVERITY.__getitem__)
    if not judgements.is_judged(kept):
        stored.explanation = stored.explanation | {KEEPS: kept.id}
    return stored


def _strictest(place: str, *decisions: PolicyDecision) -> str:
    outcomes = [each.outcomes.get(place, each.outcomes.get("*", "clear")) for each in decisions]
    return max(outcomes, key=policy.SEVERITY.__getitem__)
