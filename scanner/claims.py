"""Claims: made where a holder's policy acts on a match, kept up with each decision, and ended.

A consumer group of its own: a repeat of an event finds the claims as they are to be. A claim is active at
once; it is potential as long as its track waits for a person, or its holder is not verified.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, select

import appeals
from scanner import dispute_appeals, edit_donors, matters
from scanner.analysis import FAILED, OK
from scanner.bus.dispatch import once
from scanner.claim_letters import tell_creator
from scanner.clock import new_id
from scanner.exemptions import of_track
from scanner.harmless import standing
from scanner.journal import Event
from scanner.judgements import is_judged
from scanner.on_record import OnRecord, on_record
from scanner.openings import enqueue
from scanner.reference_states import Status
from scanner.tables import Analysis, Case, Claim, Dispute, PolicyDecision, Track, TrackMatch
from scanner.track_facts import match_of
from scanner.tracks import locked

if TYPE_CHECKING:
    from scanner.service import Service

GROUP: Final = "claims"
OPEN: Final = ("potential", "active", "disputed", "upheld")
ARGUED: Final = ("opened", "with_claimant", "upheld", "appealed")
"""States of a dispute in which somebody can still win it."""
SETTLED: Final = "The claim that the appeal was about was released."
GONE: Final = "match-gone"
_DETECTORS: Final[Mapping[str, str]] = {"recording": "fingerprint", "composition": "composition"}
"""By right: the detector that finds what matches by it."""
UNDECIDED: Final = frozenset({"review", "indeterminate"})


@dataclass(frozen=True)
class Found:
    """A match that a rule acted on under its holder's policy."""

    known: OnRecord
    right: str
    segments: list[dict[str, Any]]
    score: float
    coverage_query: float

    @property
    def is_trusted(self) -> bool:
        """Whether the holder's policy may act: they are verified, or the operator vouched."""
        return _may_act(self.known)

    @property
    def longest_ms(self) -> int:
        """Longest segment in the track, in milliseconds."""
        lengths = [each["query_end"] - each["query_start"] for each in self.segments]
        return round(1000 * max(lengths, default=0.0))


def on_decided(service: "Service", event: Event) -> None:
    """Make, renew and end the claims on a track that was decided on."""
    with once(service, GROUP, event) as session:
        track = locked(session, event.tenant or "", event.subject)
        if track.decision_id != event.data["decision_id"]:
            return  # decided on again meanwhile: that event follows
        decision = session.get_one(PolicyDecision, track.decision_id)
        if is_judged(decision):
            _follow_rules(service, session, track, decision, event)
        else:
            _follow_ruling(service, session, track, decision, event)


def on_withdrawn(service: "Service", event: Event) -> None:
    """End the claims on a track that was taken back, and look at what has its sound."""
    with once(service, GROUP, event) as session:
        track = locked(session, event.tenant or "", event.subject)
        for claim in open_on(session, track.id, *OPEN, "escalated"):
            end(service, session, claim, matters.CLOCK, "withdrawn", cause=event)
        edit_donors.look_again(service, session, track, event)


def on_verified(service: "Service", event: Event) -> None:
    """Let the policies of a holder act that was verified, on tracks that wait for nobody else."""
    if event.data["verified"]:
        for claim_id, track_id in _potential(service, event.tenant or "", event.data["holder_id"]):
            with service.database.transaction() as session:
                track = locked(session, event.tenant or "", track_id)
                claim = matters.locked(session, Claim, track.tenant_id, claim_id)
                decision = session.get(PolicyDecision, track.decision_id)
                if decision is not None and decision.decision not in UNDECIDED:
                    activate(service, session, claim, event)
    with once(service, GROUP, event):
        return


def open_on(session: Session, track_id: str, *states: str) -> list[Claim]:
    """Return the open claims on a locked track, or those in some states, locked too."""
    query = select(Claim).where(Claim.track_id == track_id, col(Claim.state).in_(states or OPEN))
    return list(session.exec(query.order_by(col(Claim.id)).with_for_update()))


def activate(service: "Service", session: Session, claim: Claim, cause: Event | None) -> None:
    """Let a potential claim act, and tell the creator; another one stays as it is."""
    if claim.state != "potential":
        return
    parts = {"policy": claim.remedy}
    matters.move(service, session, claim, "activate", matters.CLOCK, parts=parts, cause=cause)
    tell_creator(service, session, claim, "claim-made")


def end(
    service: "Service",
    session: Session,
    claim: Claim,
    actor: appeals.Actor,
    ground: str,
    *,
    cause: Event | None = None,
) -> None:
    """Release a locked claim for good; an open dispute about it, and its appeal, end with it."""
    query = select(Dispute).where(Dispute.claim_id == claim.id, col(Dispute.state).in_(ARGUED))
    for dispute in session.exec(query.with_for_update()).all():
        parts = {"ground": ground}
        action = "end" if dispute.state in {"upheld", "appealed"} else "release_claim"
        matters.move(service, session, dispute, action, matters.CLOCK, parts=parts, cause=cause)
        dispute_appeals.settle(service, session, dispute, SETTLED)
    was_potential = claim.state == "potential"
    claim.ground = ground
    detail = {"ground": ground} | money(claim, "creator")
    parts = {"ground": ground, "reason": ground}
    matters.move(service, session, claim, "release", actor, parts=parts, detail=detail, cause=cause)
    if not was_potential:
        tell_creator(service, session, claim, "claim-released")


def money(claim: Claim, to: str) -> dict[str, Any]:
    """Return who gets what was held of a claim's money, for the event; the platform pays."""
    if claim.remedy != "monetise":
        return {}
    held = claim.money_held_from
    return {"money_to": to, "money_held_from": held.isoformat() if held else None}


def _follow_rules(
    service: "Service", session: Session, track: Track, decision: PolicyDecision, event: Event
) -> None:
    found = wanted(session, track, decision)
    for claim in open_on(session, track.id, *OPEN, "escalated"):
        again = found.pop(claim.reference_id, None)
        if claim.state == "escalated":
            continue  # its notice decides
        if again is None and _has_ended(session, claim, decision):
            end(service, session, claim, matters.CLOCK, _gone(decision, claim), cause=event)
        elif again is not None:
            _renew(service, session, claim, again, decision, event)
    for each in found.values():
        _make(service, session, track, decision, each, event)


def _follow_ruling(
    service: "Service", session: Session, track: Track, decision: PolicyDecision, event: Event
) -> None:
    """What a person decided: who restricts or blocks lets claims act; who clears frees the track.

    Only who decides on the track itself vouches for a holder whom nobody verified; a notice is about another matter.
    """
    claims = open_on(session, track.id)
    known = on_record(session, track.tenant_id, {each.reference_id for each in claims})
    vouched = (decision.explanation.get("ground") or [Case.KIND])[0] == Case.KIND
    for claim in claims:
        if decision.decision != "clear":
            if vouched or _may_act(known.get(claim.reference_id)):
                activate(service, session, claim, event)
        elif claim.state != "upheld" and claim.remedy != "track":
            end(service, session, claim, matters.CLOCK, "person", cause=event)


def _may_act(known: OnRecord | None) -> bool:
    return known is not None and (known.reference.operator_added or known.holder.verified)


def _has_ended(session: Session, claim: Claim, decision: PolicyDecision) -> bool:
    """Whether rules that found no match of an open claim end it: where nobody could look, they don't."""
    if decision.decision == "indeterminate":
        return False
    if not _looked_for(session, claim.right, decision.analysis_id):
        return False
    return claim.state != "upheld" or is_gone(session, claim, decision.analysis_id)


def _looked_for(session: Session, right: str, analysis_id: str | None) -> bool:
    """Whether an analysis searched to the end for what matches by a right."""
    row = session.get(Analysis, analysis_id) if analysis_id else None
    if row is None or any(row.detectors.get(each) == FAILED for each in _DETECTORS.values()):
        return False
    return row.detectors.get(_DETECTORS[right]) == OK


def _gone(decision: PolicyDecision, claim: Claim) -> str:
    """Why a match is claimed no more: the rule that exempts it, or it was not found again."""
    for each in decision.explanation.get("exempted", ()):
        if each["reference_id"] == claim.reference_id:
            return str(each["rule"])[:100]
    return GONE


def is_gone(session: Session, claim: Claim, analysis_id: str | None) -> bool:
    """Whether an analysis that looked has nothing left of a claim's match, or its reference was retired."""
    known = on_record(session, claim.tenant_id, {claim.reference_id}).get(claim.reference_id)
    if known is None or known.reference.status == Status.RETIRED:
        return True
    if not _looked_for(session, claim.right, analysis_id):
        return False
    query = select(TrackMatch).where(
        TrackMatch.analysis_id == analysis_id, TrackMatch.reference_id == claim.reference_id
    )
    found = session.exec(query).all()
    return all(standing(match_of(each), known, each.explained).excluded for each in found)


def wanted(session: Session, track: Track, decision: PolicyDecision) -> dict[str, Found]:
    """Return by reference what rules acted on since its holder's policy says so."""
    acted = {
        each["evidence"]["reference_id"]
        for each in decision.reasons
        if "match.reference_policy" in (each.get("evidence") or {}).get("seen", {})
        and "reference_id" in each["evidence"]
    }
    rows = session.exec(
        select(TrackMatch)
        .where(
            TrackMatch.analysis_id == decision.analysis_id,
            col(TrackMatch.reference_id).in_(acted),
        )
        .order_by(col(TrackMatch.kind).desc(), col(TrackMatch.score).desc(), col(TrackMatch.id))
    ).all()
    known = on_record(session, track.tenant_id, acted)
    exempt = of_track(session, track.id)
    found: dict[str, Found] = {}
    for row in rows:
        each = known.get(row.reference_id)
        if each is None or row.reference_id in found:
            continue
        stands = exempt.applied(row.reference_id, standing(match_of(row), each, row.explained))
        found[row.reference_id] = Found(
            each,
            row.kind,
            [asdict(segment) for segment in stands.segments],
            row.score,
            row.coverage_query,
        )
    return found


def _make(
    service: "Service",
    session: Session,
    track: Track,
    decision: PolicyDecision,
    found: Found,
    event: Event,
) -> None:
    reference = found.known.reference
    claim = matters.new(
        Claim,
        track.tenant_id,
        service.now(),
        track_id=track.id,
        account_id=track.account_id,
        reference_id=reference.id,
        holder_id=reference.holder_id,
        remedy=reference.policy,
        territories=list(reference.territories),
        **_measured(found, decision),
    )
    matters.opened(service, session, claim, matters.CLOCK, cause=event)
    if decision.decision not in UNDECIDED and found.is_trusted:
        activate(service, session, claim, event)


def _renew(
    service: "Service",
    session: Session,
    claim: Claim,
    found: Found,
    decision: PolicyDecision,
    event: Event,
) -> None:
    for name, value in _measured(found, decision).items():
        setattr(claim, name, value)
    session.add(claim)
    if decision.decision not in UNDECIDED and found.is_trusted:
        activate(service, session, claim, event)


def _measured(found: Found, decision: PolicyDecision) -> Mapping[str, Any]:
    return {
        "decision_id": decision.id,
        "right": found.right,
        "segments": found.segments,
        "score": found.score,
        "coverage_query": found.coverage_query,
        "longest_ms": found.longest_ms,
    }


def _potential(service: "Service", tenant_id: str, holder_id: str) -> Sequence[tuple[str, str]]:
    query = select(Claim.id, Claim.track_id).where(
        Claim.tenant_id == tenant_id, Claim.holder_id == holder_id, Claim.state == "potential"
    )
    with service.database.reading() as session:
        return session.exec(query.order_by(col(Claim.id))).all()


def open_case(
    service: "Service", session: Session, track: Track, claim: Claim, text: str
) -> appeals.Case:
    """Put a track before a person for what became of a claim on it."""
    return enqueue(
        session,
        appeals.open_case(
            case_id=new_id(),
            tenant_id=track.tenant_id,
            track_id=track.id,
            kind="claim",
            reasons=[{"rule": "claim.released", "text": text}],
            now=service.now(),
            decision_id=track.decision_id,
            matter=("claim", claim.id),
            right=claim.right,
        ),
    )
