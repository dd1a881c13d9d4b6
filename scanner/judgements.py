"""What a decision is made from, and how it is kept."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, select

import policy
from scanner.clock import new_id
from scanner.declared import declared
from scanner.packs_in_force import InForce
from scanner.tables import Analysis, PolicyDecision, Track, TrackMatch
from scanner.track_facts import evidence_of, facts_of

if TYPE_CHECKING:
    from scanner.service import Service


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
        explanation=judged,
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
