"""What a verdict does to the track or reference that its case is about."""

from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session

import appeals
from scanner import (
    cases,
    child_protection,
    dispositions,
    letters,
    matters,
    parties,
    reasons,
    redress,
    rulings,
    upkeep,
)
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.journal import Actor
from scanner.rulings import Outcome, Ruling
from scanner.tables import Case, Claim, Notice, PolicyDecision, Track
from scanner.tracks import analyse_again
from scanner.verdicts import Verdict, check, track_of

if TYPE_CHECKING:
    from scanner.service import Service

OUTCOMES: Final[dict[str, Outcome]] = {
    "release": "clear",
    "restrict": "restrict",
    "block": "block",
}
EFFECTS: Final = {"restrict": "conditioned", "block": "blocked"}
SETTLED: Final = {"activate": "active", "retire": "retired"}
ASSUMED: Final = {"restrict": "confirmed", "block": "confirmed"}
"""What matches found later are if neither reviewer nor reason says so: the case is about them alone."""


def on_track(
    service: "Service",
    session: Session,
    case: Case,
    track: Track,
    verdict: Verdict,
    reviewer: Actor,
) -> None:
    """Decide on a locked track as its case was decided, and keep what its matches are."""
    reason = reasons.find(session, case.tenant_id, verdict.reason, verdict.verdict)
    others = reason.matches
    if others is None and case.kind == "retro_match":
        others = ASSUMED.get(verdict.verdict)
    dispositions.record(session, case, track, verdict.matches, others)
    if verdict.verdict in OUTCOMES:
        ruling = ruling_of(session, case, verdict)
        child_protection.rule(service, session, track, ruling, reviewer, keep_cases=[case.id])
    elif verdict.verdict == "uphold":
        _uphold(service, session, case, track, verdict, reviewer)
    elif verdict.verdict == "rescan":
        analyse_again(session, track, "a reviewer asks for it", service.now(), actor=reviewer)


def on_reference(
    service: "Service", session: Session, case: Case, verdict: Verdict, reviewer: Actor
) -> None:
    """Settle the reference, whose catalogue is locked."""
    caller = Caller(case.tenant_id, reviewer, frozenset())
    upkeep.settle_within(
        service,
        session,
        caller,
        str(case.reference_id),
        SETTLED[verdict.verdict],
        verdict.text or verdict.reason,
    )


def refuse_held(service: "Service", session: Session, case: Case, verdict: Verdict) -> None:
    """Raise ``BadVerdictError`` if a verdict would let out what is held to protect a child (COPPA, GDPR-8)."""
    if case.track_id is None:
        return
    track = session.get_one(Track, case.track_id)
    if case.matter_kind is None and verdict.verdict in OUTCOMES:
        child_protection.refuse_held(service, session, track, ruling_of(session, case, verdict))
    elif case.matter_kind == Claim.KIND and verdict.verdict == "release":
        child_protection.refuse_held(service, session, track, Ruling("clear", verdict.reason, ""))


def ruling_of(session: Session, case: Case, verdict: Verdict) -> Ruling:
    """Return a verdict on a track as a ruling; its text is whole."""
    reason = reasons.find(session, case.tenant_id, verdict.reason, verdict.verdict)
    limits = verdict.verdict in {"restrict", "block"}
    named = {str(rule) for each in case.reasons for rule in each.get("legal_basis", ())}
    return Ruling(
        OUTCOMES[verdict.verdict],
        verdict.reason,
        verdict.text or reason.text(),
        territories=verdict.territories,
        restrictions=verdict.restrictions,
        legal_basis=tuple(sorted({*reason.legal_basis, *(named if limits else ())})),
        ground=("case", case.id),
        texts=_in_other_languages(reason, verdict),
    )


def _in_other_languages(reason: reasons.Reason, verdict: Verdict) -> dict[str, str]:
    """Return a verdict's words by language; what the reviewer added stays as it was written."""
    own = (verdict.text or "").removeprefix(reason.text()).strip()
    return {
        language: " ".join(filter(None, (text, own)))
        for language, text in reason.texts.items()
        if language != "en"
    }


def preview(service: "Service", session: Session, case: Case, verdict: Verdict) -> dict[str, Any]:
    """Return what the affected person would be told, by language, without telling it."""
    reason = reasons.find(session, case.tenant_id, verdict.reason, verdict.verdict)
    words = {
        language: " ".join(filter(None, (text, verdict.text)))
        for language, text in reason.texts.items()
    }
    told: dict[str, Any] = {"effect": EFFECTS.get(verdict.verdict), "reasons": words}
    track = track_of(session, case)
    if told["effect"] is None or track is None:
        return told | {"statement": None}
    ruling = ruling_of(session, case, verdict)
    statement = appeals.state_reasons(
        statement_id=new_id(),
        tenant_id=case.tenant_id,
        track_id=track.id,
        decision_id=case.id,
        effect=told["effect"],
        restrictions=ruling.restrictions,
        reasons=[
            {
                "outcome": ruling.outcome,
                "text": words["en"],
                "texts": {name: each for name, each in words.items() if name != "en"},
                "legal_basis": list(ruling.legal_basis),
            }
        ],
        automated_decision=False,
        now=service.now(),
        open_to_appeal=_can_be_appealed(service, session, case, track, ruling),
    )
    return told | {
        "statement": {
            "text": statement.text,
            "plain": {
                language: appeals.plain(statement, language, service.settings.legal_zone)
                for language in letters.LANGUAGES
            },
            "legal_basis": statement.legal_basis,
            "restrictions": statement.restrictions,
            "redress": statement.redress,
        }
    }


def _can_be_appealed(
    service: "Service", session: Session, case: Case, track: Track, ruling: Ruling
) -> bool:
    """Whether the statement of a ruling that is not made yet will tell of an appeal (DSA-19)."""
    source = appeals.Source("claim" if case.matter_kind else "own_initiative")
    if case.matter_kind == Notice.KIND:
        source = appeals.Source("notice", session.get_one(Notice, case.matter_id).form)
    basis = [{"legal_basis": ruling.legal_basis}]
    return redress.of_decision(service, session, track, source, basis)


def _uphold(
    service: "Service",
    session: Session,
    case: Case,
    track: Track,
    verdict: Verdict,
    reviewer: Actor,
) -> None:
    """Let what rules decided stand, as a person's decision (GDPR-22)."""
    before = session.get_one(PolicyDecision, track.decision_id)
    ruling = Ruling(
        "block" if before.decision == "block" else "restrict",
        verdict.reason,
        str(verdict.text),
        legal_basis=("GDPR-22",),
        ground=("case", case.id),
    )
    rulings.restore(service, session, track, before, ruling, reviewer)


def previewed(service: "Service", caller: Caller, case_id: str, verdict: Verdict) -> dict[str, Any]:
    """Return what a verdict of a member of staff who holds a case would tell; it is held for longer.

    Raises
    ------
    BadVerdictError
        As giving the verdict would.
    """
    actor = parties.staff(caller)
    with service.database.transaction() as session:
        case = matters.locked(session, Case, caller.tenant_id, case_id)
        if case.holder != actor.id:
            raise appeals.IllegalTransitionError("hold the case first: lease it")
        check(session, case, verdict)
        refuse_held(service, session, case, verdict)
        cases.touch(service, session, case, actor)
        return preview(service, session, case, verdict)
