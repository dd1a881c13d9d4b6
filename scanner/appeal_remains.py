"""What else stands on a track once a decision on it falls on appeal: all that newer ones do for other reasons.

A newer decision that only repeats the contested one falls with it: one that a person let stand, one that the
same matter led to again, one that the rules made of the same matches. What limits the track for another reason
stays; where rules made it of both, they judge anew without what fell.
"""

from sqlmodel import Session

from scanner import notice_tracks
from scanner.judgements import LEFT_OF, is_judged, limits, made_by_rules, rests_on_rules
from scanner.packs_in_force import KEEPS
from scanner.presumed_blocks import BLOCKING
from scanner.tables import Case, Notice, NoticeTrack, PolicyDecision, PresumedUse

Key = tuple[str, str | None]
"""Id of a rule, and of the reference whose match it acted on."""


def repeats(session: Session, newer: PolicyDecision, contested: PolicyDecision) -> bool:
    """Whether a decision limits its track by nothing that the contested one did not."""
    if newer.id == contested.id:
        return True
    earlier = newer.explanation.get("restores") or newer.explanation.get(LEFT_OF)
    if earlier and repeats(session, session.get_one(PolicyDecision, earlier), contested):
        return True
    matter = matter_of(session, contested)
    if matter and matter_of(session, newer) == matter:
        return True
    if newer.id < contested.id:
        return False
    if not (is_judged(newer) and made_by_rules(session, contested)):
        return False
    found = _keys(newer)
    return bool(found) and found <= _keys(contested)


def mixes(session: Session, newer: PolicyDecision, contested: PolicyDecision) -> bool:
    """Whether rules made a newer decision of what the contested one rests on, and of something else.

    What a person or a matter limits they keep by its id: that the words are the same says nothing, as two decisions
    may have a template's, nor does that they differ, as what is left of a decision has its own.
    """
    if not is_judged(newer) or newer.id < contested.id:
        return False
    if rests_on_rules(session, contested) and _keys(newer) & _keys(contested):
        return True
    kept, before = (_kept(session, each) for each in (newer, contested))
    return kept is not None and any(
        repeats(session, kept, each) for each in (contested, before) if each is not None
    )


def _kept(session: Session, decision: PolicyDecision) -> PolicyDecision | None:
    """Return what a person or a matter had limited, that rules keep in a decision by which they tightened."""
    return session.get(PolicyDecision, decision.explanation.get(KEEPS, ""))


def beneath(
    session: Session, present: PolicyDecision, contested: PolicyDecision
) -> PolicyDecision | None:
    """Return the newest decision before one that falls which does not fall with it; None if there is none."""
    seen = {present.id}
    found = before(session, present)
    while found is not None and found.id not in seen and repeats(session, found, contested):
        seen.add(found.id)
        found = before(session, found)
    return None if found is None or found.id in seen else found


def before(session: Session, decision: PolicyDecision) -> PolicyDecision | None:
    """Return what held before a decision, without what a notice or a complaint did that is over meanwhile."""
    seen = {decision.id}
    found = _under(session, decision)
    while found is not None and found.id not in seen and _is_over(session, found):
        seen.add(found.id)
        found = _under(session, found)
    return None if found is None or found.id in seen else found


def _under(session: Session, decision: PolicyDecision) -> PolicyDecision | None:
    """Return what a decision came on; of a complaint's block what stands without it, however often it was laid."""
    kind, ground_id = notice_tracks.ground_of(decision) or ("", "")
    use = session.get(PresumedUse, ground_id) if kind == PresumedUse.KIND else None
    if use is not None and use.state in BLOCKING and use.decision_id == decision.id:
        return session.get(PolicyDecision, str(use.prior_decision_id))
    return notice_tracks.before(session, decision)


def _is_over(session: Session, decision: PolicyDecision) -> bool:
    """Whether a decision rests on a notice, or a complaint about a presumed use, that came to nothing."""
    kind, ground_id = notice_tracks.ground_of(decision) or ("", "")
    if kind == Notice.KIND:
        about = session.get(NoticeTrack, (ground_id, decision.track_id))
        return about is not None and about.state not in notice_tracks.HOLDING
    use = session.get(PresumedUse, ground_id) if kind == PresumedUse.KIND else None
    return use is not None and use.state not in BLOCKING


def references(decision: PolicyDecision) -> list[str]:
    """Return the ids of the references whose matches a decision rests on."""
    return sorted({reference_id for _, reference_id in _keys(decision) if reference_id})


def rules_on_the_track(decision: PolicyDecision) -> set[str]:
    """Return the ids of the rules that a decision rests on and that are about no match."""
    return {rule for rule, reference_id in _keys(decision) if reference_id is None}


def _keys(decision: PolicyDecision) -> set[Key]:
    return {
        (str(each["rule"]), (each.get("evidence") or {}).get("reference_id"))
        for each in limits(decision)
        if "evidence" in each  # others say why it was judged anew
    }


def matter_of(session: Session, decision: PolicyDecision) -> list[str]:
    """Return kind and id of the matter that a decision follows from; a case stands for its own."""
    ground = notice_tracks.ground_of(decision)
    if ground[:1] == [Case.KIND]:
        case = session.get(Case, ground[1])
        if case is not None and case.matter_kind and case.matter_id:
            return [case.matter_kind, case.matter_id]
    return ground
