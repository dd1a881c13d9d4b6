"""What a decision is made from, and how it is kept."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, select

import policy
from scanner.clock import new_id
from scanner.declared import declared
from scanner.packs_in_force import KEEPS, OVERRULED, WITHOUT, InForce
from scanner.tables import Analysis, PolicyDecision, Track, TrackMatch
from scanner.track_facts import evidence_of, facts_of

if TYPE_CHECKING:
    from scanner.service import Service


LEFT_OF: Final = "left_of"
"""Of a decision on appeal: the id of the one of which it leaves a part."""
LIMITING: Final = frozenset({"restrict", "review", "block", "indeterminate"})
"""Outcomes that keep something of a track back."""
_OF_CLAIMS: Final = frozenset({"claim", "dispute", "licence"})
_JUDGED: Final = "exempted"
"""What only the explanation of a judgement by rules has."""


def facts_about(
    service: "Service",
    session: Session,
    track: Track,
    row: Analysis,
    told: Mapping[str, Any] | None = None,
) -> policy.Facts:
    """Gather what a pack may know of a track, from an analysis and what was declared, or ``told``."""
    told = declared(session, track.id) if told is None else told
    matches = session.exec(select(TrackMatch).where(TrackMatch.analysis_id == row.id)).all()
    evidence = evidence_of(row, track.duration, matches)
    return facts_of(session, track.tenant_id, told, evidence, service.now(), track.id)


def decision_row(
    service: "Service",
    track: Track,
    row: Analysis,
    facts: policy.Facts,
    decision: policy.Decision,
    by: InForce,
) -> PolicyDecision:
    """Return a decision as it is kept, with all that explains it; it supersedes the one before.

    ``by`` is what made it.
    """
    judged = decision.to_json()
    return PolicyDecision(
        id=new_id(),
        tenant_id=track.tenant_id,
        track_id=track.id,
        analysis_id=row.id,
        decision=decision.decision,
        outcomes=judged["outcomes"],
        restrictions=judged["restrictions"],
        reasons=judged["reasons"],
        explanation=judged | _left_out(by),
        facts=facts.model_dump(mode="json"),
        pack=decision.pack,
        facts_hash=decision.facts_hash,
        outcome_hash=decision.outcome_hash,
        index_version=row.index_version,
        automation=decision.automation,
        supersedes=track.decision_id,
        activation_id=by.activation_id,
        single_operator=by.single_operator,
        created_at=service.now(),
    )


def _left_out(by: InForce) -> dict[str, Any]:
    """Return what an explanation says of the rules that did not count."""
    void = {WITHOUT: sorted(by.void)} if by.void else {}
    overruled = {"by": by.cleared_by, "rules": sorted(by.overruled)}
    return void | ({OVERRULED: overruled} if by.overruled else {})


def fallen(decision: PolicyDecision) -> frozenset[str]:
    """Return the ids of rules that did not count in a decision: an appeal was granted, or a person set them aside."""
    return frozenset(decision.explanation.get(WITHOUT, ()))


def limits(decision: PolicyDecision) -> list[dict[str, Any]]:
    """Return the reasons for which a decision limits its track."""
    return [each for each in decision.reasons if each.get("outcome") in LIMITING]


def is_judged(decision: PolicyDecision) -> bool:
    """Whether a decision is what rules made of the evidence, or of a claim without a person; whoever ordered it."""
    kind = (decision.explanation.get("ground") or [None])[0]
    by_law = decision.ruled_by == "law" and kind in _OF_CLAIMS
    return decision.ruled_by is None or _JUDGED in decision.explanation or by_law


def made_by_rules(session: Session, decision: PolicyDecision) -> bool:
    """Whether all that a decision limits is what rules had made of it: also where a person restored that."""
    found = list(beginnings(session, decision))
    return any(map(is_judged, found)) and not any(KEEPS in each.explanation for each in found)


def rests_on_rules(session: Session, decision: PolicyDecision) -> bool:
    """Whether rules made anything of what a decision limits."""
    return any(map(is_judged, beginnings(session, decision)))


def is_part(session: Session, decision: PolicyDecision) -> bool:
    """Whether a decision is what an appeal left of another one, keeps what a person decided, or brings such back."""
    found = beginnings(session, decision)
    return any({LEFT_OF, KEEPS} & each.explanation.keys() for each in found)


def beginnings(session: Session, decision: PolicyDecision) -> Iterator[PolicyDecision]:
    """Yield a decision, and in turn what it restores or leaves a part of."""
    found: PolicyDecision | None = decision
    while found is not None:
        yield found
        earlier = found.explanation.get("restores") or found.explanation.get(LEFT_OF)
        found = session.get(PolicyDecision, earlier) if earlier else None
