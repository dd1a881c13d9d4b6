"""What a newer look at a stored track found that nobody looked at before, and whether a person is asked about it.

New is a reference, more of one that was found before, one that is surer or a recording where it had been a composition,
and a rule on the track itself that had not fired, or reads something else by now. What is not new was seen: rules
decided on it and that took effect, or a person did. Where rules would not be stricter than on what was seen, only what
is new is asked about, and only if it alone would limit the track by more than what stands: so what a person cleared is
not asked again, and does not hide what comes on top of it. What nobody was asked about, as something stricter stood then,
or whose case closed without a verdict, is new until somebody decides on it: also once what stood has fallen.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlmodel import Session, col, or_, select

import fingerprint
import policy
from scanner import strictness
from scanner.exemptions import without
from scanner.judgements import LIMITING
from scanner.packs_in_force import read_by
from scanner.tables import Analysis, Case, CaseVerdict, PolicyDecision, RetroMatch, Track
from scanner.track_facts import LIKELY, SURE

TOLERANCE: Final = 2.0
"""Seconds by which a segment may begin sooner or end later and is the same."""
BY_A_PERSON: Final = ("applied", "agreed")
"""States of a verdict that has its effect."""
ANALYSIS: Final = "analysis_id"
"""Of a case's reason: the analysis that a rescan made, of which a person was asked."""


@dataclass(frozen=True)
class Judged:
    """What a pack says of a track.

    Attributes
    ----------
    before : tuple of policy.Decision
        Of all that is stored, and of each look that a person was asked about and decided.
    after : policy.Decision
        Of all that is found now.
    alone : policy.Decision, optional
        Of what is new, by itself; None if that limits nothing.
    """

    before: tuple[policy.Decision, ...]
    after: policy.Decision
    alone: policy.Decision | None


def judged(
    pack: policy.Pack, seen: Sequence[policy.Facts], now: policy.Facts, new: Iterable[str]
) -> Judged:
    """Judge what is found now beside what was seen, and what is new by itself.

    Parameters
    ----------
    seen : sequence of policy.Facts
    new : iterable of str
        Ids of references that are new, or of which more is.
    """
    before = tuple(policy.decide(pack, each) for each in seen)
    alone = now
    if isinstance(now.matches, tuple):
        wanted = set(new)
        kept = tuple(each for each in now.matches if each.reference_id in wanted)
        alone = now.model_copy(update={"matches": kept})
    rules = {rule.id: read_by(rule) for rule in pack.rules}
    known = {
        rule
        for decision, facts in zip(before, seen, strict=True)
        for rule in _on_the_track(decision)
        if all(
            _is_in(getattr(facts, name, None), getattr(now, name, None))
            for name in rules.get(rule, ())
        )
    }
    new_alone = policy.decide(pack.without(known), alone)
    is_new = any(each.outcome in LIMITING and each.rule not in known for each in new_alone.reasons)
    return Judged(before, policy.decide(pack, now), new_alone if is_new else None)


def is_asked(session: Session, track: Track, found: Judged) -> bool:
    """Whether a person is to look at a locked track."""
    if all(strictness.stricter(found.after, each) is not None for each in found.before):
        return True
    stands = session.get(PolicyDecision, track.decision_id) if track.decision_id else None
    if stands is None or found.alone is None:
        return False
    return strictness.stricter(found.alone, stands) is not None


def is_more(match: fingerprint.Match, known: Sequence[fingerprint.Match]) -> bool:
    """Whether a match holds more than what was found of its reference before.

    Seconds of the track, that is: which part of the reference they are makes no difference.
    """
    if not known or all(_band(match) > _band(each) for each in known):
        return True
    if match.kind == "recording" and all(each.kind != "recording" for each in known):
        return True
    left = list(match.segments)
    for part in (segment for each in known for segment in each.segments):
        start, end = part.query_start - TOLERANCE, part.query_end + TOLERANCE
        left = [piece for segment in left for piece in without(segment, start, end)]
    return bool(left)


def seen_looks(session: Session, track: Track) -> list[Analysis]:
    """Return the looks at a track that a person was asked about and decided, oldest first."""
    query = (
        select(Case.reasons)
        .join(CaseVerdict, col(CaseVerdict.case_id) == col(Case.id))
        .where(
            Case.track_id == track.id,
            col(Case.closed_at).is_not(None),
            col(CaseVerdict.state).in_(BY_A_PERSON),
        )
    )
    ids = {str(each[ANALYSIS]) for told in session.exec(query) for each in told if ANALYSIS in each}
    of_track = (col(Analysis.id).in_(ids), Analysis.track_id == track.id)
    return list(session.exec(select(Analysis).where(*of_track).order_by(col(Analysis.id))))


def is_put(session: Session, track: Track, look: Analysis) -> bool:
    """Whether a look at a track is before a person now."""
    query = select(Case.reasons).where(Case.track_id == track.id, col(Case.closed_at).is_(None))
    return any(each.get(ANALYSIS) == look.id for told in session.exec(query) for each in told)


def unread(session: Session, track: Track) -> set[str]:
    """Return the ids of references found in a track later of which nobody was asked, or whose case nobody decided.

    What was found before the track was analysed anew is not: rules decided on that analysis, which looked for it too.
    """
    decided = select(CaseVerdict.case_id).where(col(CaseVerdict.state).in_(BY_A_PERSON))
    answered = select(Case.id).where(
        or_(col(Case.closed_at).is_(None), col(Case.id).in_(decided)), Case.track_id == track.id
    )
    query = select(RetroMatch.reference_id).where(
        RetroMatch.track_id == track.id,
        RetroMatch.analysis_id == track.analysis_id,
        or_(col(RetroMatch.case_id).is_(None), col(RetroMatch.case_id).not_in(answered)),
    )
    return set(session.exec(query))


def _band(match: fingerprint.Match) -> int:
    return (match.score >= LIKELY) + (match.score >= SURE)


def _on_the_track(decision: policy.Decision) -> set[str]:
    """Return the ids of rules that limit a track for something else than a match."""
    return {
        each.rule
        for each in decision.reasons
        if each.outcome in LIMITING and "reference_id" not in each.evidence
    }


def _is_in(before: Any, now: Any) -> bool:
    """Whether a fact is as it was, or holds no more than it did."""
    if isinstance(before, tuple) and isinstance(now, tuple):
        return all(each in before for each in now)
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        return dict(before) == dict(now)
    return bool(before == now)
